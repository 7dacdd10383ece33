"""RFC 6750: bearer tokens at a protected view."""

import re

import pytest

from tests.factories import ClientFactory
from tests.http import REVOKE, SESSIONS

pytestmark = pytest.mark.django_db

ME, ORDERS = "/api/me/", "/api/orders/"
#: One challenge: a scheme, then attributes of which none holds a quote or a backslash.
CHALLENGE = re.compile(r'Bearer realm="api"((, [a-z_]+="[\x20-\x21\x23-\x5b\x5d-\x7e]*")*)')


@pytest.fixture
def refused(http, ada, web, clock):
    """Access tokens that count for nothing, by the reason."""
    expired = http.log_in(ada, web)["access_token"]
    clock.shift(400)
    living, revoked = http.log_in(ada, web), http.log_in(ada, web)
    http.form(REVOKE, {"token": revoked["refresh_token"], "client_id": "web"})
    return {
        "expired": expired,
        "revoked": revoked["access_token"],
        "unknown": "garbage",
        "forged": living["access_token"][:-6] + "AAAAAA",
        "a refresh token": living["refresh_token"],
    }


@pytest.mark.standard("6750-01", "6750-02")
@pytest.mark.parametrize("path", [ME, ORDERS, SESSIONS])
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic eDp5"}], ids=["none", "another scheme"])
def test_without_a_token_the_challenge_names_a_realm_and_no_error(http, ada, path, headers):
    answer = http.get(path, **headers)

    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Bearer realm="api"')


@pytest.mark.standard("6750-03")
def test_whatever_is_wrong_with_a_token_is_invalid_token(http, refused):
    for reason, token in refused.items():
        answer = http.get(ME, bearer=token)
        assert answer.status_code == 401, reason
        assert 'error="invalid_token"' in answer["WWW-Authenticate"], reason


@pytest.mark.standard("6750-11")
@pytest.mark.parametrize("path", [ME, SESSIONS])
def test_no_answer_tells_which_reason_it_was(http, refused, path):
    answers = [http.get(path, bearer=token) for token in refused.values()]

    assert len({(a.status_code, a.content, a["WWW-Authenticate"]) for a in answers}) == 1


@pytest.mark.standard("6750-04")
def test_a_missing_scope_is_403_and_named(http, ada):
    writer = ClientFactory(client_id="writer", scopes=["orders:write"])
    tokens = http.log_in(ada, writer)

    answer = http.get(ORDERS, bearer=tokens["access_token"])

    assert answer.status_code == 403
    assert answer["WWW-Authenticate"] == (
        'Bearer realm="api", error="insufficient_scope", scope="orders:read"'
    )


@pytest.mark.standard("6750-05")
def test_two_authorization_headers_are_invalid_request(http, ada, web):
    token = http.log_in(ada, web)["access_token"]

    answer = http.get(ME, Authorization=f"Bearer {token}, Bearer {token}")

    assert answer.status_code == 400
    assert answer["WWW-Authenticate"] == 'Bearer realm="api", error="invalid_request"'


@pytest.mark.standard("6750-05", "6750-09")
def test_the_body_is_not_read_so_it_is_no_second_method(http, ada, web):
    tokens = http.log_in(ada, web)
    form = {"access_token": "garbage"}

    answer = http.form(f"{SESSIONS}revoke-others/?access_token=x", form, bearer=tokens["access_token"])

    assert answer.status_code == 200


@pytest.mark.standard("6750-06")
@pytest.mark.parametrize(
    "header",
    [
        'Bearer "><script>alert(1)</script>',
        'Bearer x", error="none", evil="1',
        "Bearer \\evil",
        "Bearer evil\tevil",
        "Bearer evil.evil.evil",
        "Bearer evil, Bearer evil",
        "Evil evil",
    ],
)
@pytest.mark.parametrize("path", [ME, ORDERS, SESSIONS])
def test_a_challenge_is_well_formed_and_reflects_nothing(http, ada, header, path):
    answer = http.get(path, Authorization=header)

    found = CHALLENGE.fullmatch(answer["WWW-Authenticate"])
    names = re.findall(r"([a-z_]+)=", found.group(1)) if found else []
    assert found, answer["WWW-Authenticate"]
    assert len(set(names)) == len(names)
    assert "realm" not in names
    assert b"evil" not in answer.content.lower()
    assert "evil" not in answer["WWW-Authenticate"]


@pytest.mark.standard("6750-07")
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_the_scheme_has_no_case(http, ada, web, scheme):
    tokens = http.log_in(ada, web)

    assert http.get(ME, Authorization=f"{scheme} {tokens['access_token']}").status_code == 200


@pytest.mark.standard("6750-08")
@pytest.mark.parametrize("path", [ME, SESSIONS])
@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer  ",
        "Bearer a b",
        "Bearer a\x00b",
        "Bearer \xe9",
        "Bearer {}",
        "Bearer =",
        "Bearer ,",
    ],
)
def test_what_cannot_be_a_token_is_no_500(http, ada, header, path):
    answer = http.get(path, Authorization=header)

    assert answer.status_code in (400, 401)


@pytest.mark.standard("6750-09")
def test_a_token_in_a_form_body_is_not_read(http, ada, web):
    token = http.log_in(ada, web)["access_token"]

    got = http.browser.generic(
        "GET",
        ME,
        f"access_token={token}",
        content_type="application/x-www-form-urlencoded",
        secure=True,
    )
    posted = http.form(f"{SESSIONS}revoke-others/", {"access_token": token})

    assert (got.status_code, posted.status_code) == (401, 401)


@pytest.mark.standard("6750-12")
@pytest.mark.parametrize("policy", ["browser", "mobile", "service"])
def test_an_access_token_lives_at_most_an_hour(http, ada, policy):
    client = ClientFactory(client_id=f"a-{policy}", policy=policy)

    assert 0 < http.log_in(ada, client)["expires_in"] <= 3_600
