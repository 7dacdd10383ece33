"""RFC 6749: the token endpoint and the refresh grant."""

import json
import re
from itertools import pairwise

import pytest
from django.db import OperationalError, connection
from django.test import Client as Browser

from tests.factories import PASSWORD, ClientFactory, UserFactory, secret_of
from tests.http import LOGIN, REFRESH, TOKEN
from tests.sessions import claims_of
from tests.sessions import log_in as session_of
from tests.standards.conftest import OAuth, basic
from tokenauth.errors import Cause
from tokenauth.flows import pair, revoke
from tokenauth.models import TokenFamily, rotation
from tokenauth.models.key import KeyPurpose
from tokenauth.revocation.subjects import OfFamily
from tokenauth.tokens import refresh
from tokenauth.tokens.encoding import from_base64url
from tokenauth.tokens.keyring import KEYRING

pytestmark = pytest.mark.django_db

REGISTERED = {
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
}


@pytest.mark.standard("6749-01")
def test_a_success_is_json_with_a_numeric_lifetime(http, ada, web):
    answer = http.grant(http.log_in(ada, web), web)

    body = answer.json()
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    assert isinstance(body["access_token"], str)
    assert body["token_type"] == "Bearer"
    assert type(body["expires_in"]) is int


@pytest.mark.standard("6749-02")
def test_no_answer_with_a_token_is_cached(http, ada, web):
    login = http.post(LOGIN, {"username": "ada", "password": PASSWORD, "client_id": "web"})
    granted = http.grant(login.json(), web)
    refreshed = http.refresh(granted.json(), web)

    for answer in (login, granted, refreshed):
        assert "access_token" in answer.json()
        assert "no-store" in answer["Cache-Control"]
        assert answer["Pragma"] == "no-cache"


@pytest.mark.standard("6749-03", "6749-04")
@pytest.mark.parametrize(
    "form",
    [
        "",
        "\xff%00&&==",
        "grant_type=refresh_token&client_id=web",
        "grant_type=refresh_token&client_id=web&refresh_token=%22%5C%C3%A9",
        "grant_type=password&client_id=web",
        "grant_type=refresh_token&client_id=web&refresh_token=x&refresh_token=y",
    ],
)
def test_an_error_is_a_flat_registered_object_without_a_token(http, web, form):
    answer = http.form(TOKEN, form)

    body = answer.json()
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/json")
    assert body["error"] in REGISTERED
    assert re.fullmatch(r"[\x20-\x21\x23-\x5b\x5d-\x7e]+", body["error_description"])
    assert not {"access_token", "refresh_token"} & set(body)


@pytest.mark.standard("6749-04")
def test_a_body_of_another_type_is_answered_in_json_too(http, web):
    answer = http.post(TOKEN, {"grant_type": "refresh_token"})

    assert answer.status_code == 415
    assert answer.json()["error"] == "invalid_request"


@pytest.mark.standard("6749-05")
def test_unknown_expired_revoked_and_foreign_tokens_are_one_answer(http, ada, web, clock):
    expired = http.log_in(ada, web)
    clock.shift(8 * 86_400)
    revoked, foreign, forged = (http.log_in(ada, web) for _ in range(3))
    revoke(OfFamily(revoked["session_id"]), cause=Cause.LOGGED_OUT, actor="test")
    other = ClientFactory(client_id="other")
    changed = {"refresh_token": forged["refresh_token"][:-6] + "AAAAAA"}

    answers = [
        http.grant({"refresh_token": "garbage"}, web),
        http.grant(changed, web),
        http.grant(expired, web),
        http.grant(revoked, web),
        http.grant(foreign, other),
    ]

    assert {answer.status_code for answer in answers} == {400}
    assert answers[0].json()["error"] == "invalid_grant"
    assert len({answer.content for answer in answers}) == 1


@pytest.mark.standard("6749-06")
@pytest.mark.parametrize("missing", ["grant_type", "refresh_token"])
def test_what_is_missing_is_invalid_request(http, ada, web, missing):
    tokens = http.log_in(ada, web)

    answer = http.grant(tokens, web, **{missing: ""})
    form = {"grant_type": "refresh_token", "refresh_token": "x", "client_id": "web"}
    absent = http.form(TOKEN, {name: value for name, value in form.items() if name != missing})

    assert [(a.status_code, a.json()["error"]) for a in (answer, absent)] == [(400, "invalid_request")] * 2


@pytest.mark.standard("6749-07")
@pytest.mark.parametrize("grant", ["authorization_code", "password", "Refresh_Token", "urn:x:y"])
def test_another_grant_is_unsupported(http, ada, web, grant):
    answer = http.grant(http.log_in(ada, web), web, grant_type=grant)

    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")


@pytest.mark.standard("6749-08")
def test_a_client_that_is_not_first_party_may_not_log_users_in(http, ada):
    ClientFactory(client_id="third", first_party=False)

    answer = http.post(LOGIN, {"username": "ada", "password": PASSWORD, "client_id": "third"})

    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")


@pytest.mark.standard("6749-09")
@pytest.mark.parametrize("name", ["grant_type", "refresh_token", "client_id", "scope", "unheard_of"])
def test_a_repeated_parameter_is_invalid_request(http, ada, web, name):
    tokens = http.log_in(ada, web)
    form = {
        "grant_type": "refresh_token",
        "refresh_token": tokens["refresh_token"],
        "client_id": "web",
        "scope": "orders:read",
        "unheard_of": "x",
    }

    answer = http.form(TOKEN, {**form, name: [form[name], form[name]]})

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert TokenFamily.objects.get().generation == 0


@pytest.mark.standard("6749-10")
def test_an_empty_parameter_counts_as_absent(http, ada, web):
    tokens = http.log_in(ada, web)

    without_token = http.grant({"refresh_token": ""}, web)
    without_scope = http.grant(tokens, web, scope="")

    assert without_token.json()["error"] == "invalid_request"
    assert without_scope.json()["scope"] == "orders:read orders:write"


@pytest.mark.standard("6749-11")
def test_an_unknown_parameter_is_ignored(http, ada, web):
    answer = http.grant(http.log_in(ada, web), web, nonsense="1", redirect_uri="https://evil.test")

    assert answer.status_code == 200


@pytest.mark.standard("6749-12")
def test_a_get_issues_nothing_and_reads_no_query(http, ada, web):
    tokens = http.log_in(ada, web)
    query = f"?grant_type=refresh_token&client_id=web&refresh_token={tokens['refresh_token']}"

    got = http.get(TOKEN + query)
    posted = http.form(TOKEN + query, {})

    assert got.status_code == 405
    assert "POST" in got["Allow"]
    assert "GET" not in got["Allow"]
    assert (posted.status_code, posted.json()["error"]) == (400, "invalid_request")
    assert TokenFamily.objects.get().generation == 0


@pytest.mark.standard("6749-13")
@pytest.mark.parametrize("name", ["backend", "nobody"])
def test_a_wrong_secret_by_basic_is_challenged(http, backend, name):
    answer = http.form(
        TOKEN, {"grant_type": "refresh_token", "refresh_token": "x"}, Authorization=basic(name, "wrong")
    )

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.standard("6749-14")
def test_a_wrong_secret_in_the_body_is_invalid_client(http, backend):
    answer = http.grant({"refresh_token": "x"}, backend.client, client_secret="wrong")

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.standard("6749-15")
def test_basic_and_a_secret_in_the_body_are_one_too_many(http, backend):
    form = {"grant_type": "refresh_token", "refresh_token": "x", **backend.in_body}

    answer = http.form(TOKEN, form, **backend.basic)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.standard("6749-16")
def test_a_confidential_client_without_its_secret_consumes_nothing(http, ada, backend):
    tokens = http.log_in(ada, backend.client, client_secret=backend.secret)

    answer = http.grant(tokens, backend.client)

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert TokenFamily.objects.get().generation == 0
    assert http.grant(tokens, backend.client, client_secret=backend.secret).status_code == 200


@pytest.mark.standard("6749-17")
def test_another_clients_refresh_token_is_invalid_grant_and_its_family_lives(http, ada, web, backend):
    tokens = http.log_in(ada, web)

    answer = http.grant(tokens, backend.client, client_secret=backend.secret)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert "access_token" not in answer.json()
    assert http.grant(tokens, web).status_code == 200


@pytest.mark.standard("6749-18")
def test_a_wider_scope_is_refused_and_consumes_nothing(http, ada, web):
    tokens = http.log_in(ada, web, scope="orders:read")

    answer = http.grant(tokens, web, scope="orders:read orders:write")

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")
    assert TokenFamily.objects.get().generation == 0


@pytest.mark.standard("6749-19", "6749-20", "6749-21")
def test_a_narrower_scope_leaves_the_new_refresh_token_the_whole_grant(http, ada, web):
    narrow = http.grant(http.log_in(ada, web), web, scope="orders:read").json()

    full = http.grant(narrow, web).json()

    assert narrow["scope"] == claims_of(narrow["access_token"]).scope == "orders:read"
    assert full["scope"] == claims_of(full["access_token"]).scope == "orders:read orders:write"


@pytest.mark.standard("6749-22")
@pytest.mark.parametrize(
    "scope", ["ORDERS:READ", 'orders:read"', "orders:read\\", "orders:re\u00e4d", "a  b"]
)
def test_a_scope_is_compared_to_the_letter(http, ada, web, scope):
    answer = http.grant(http.log_in(ada, web), web, scope=scope)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")


@pytest.mark.standard("6749-22")
def test_the_order_of_scopes_does_not_matter(http, ada, web):
    assert http.grant(http.log_in(ada, web), web, scope="orders:write orders:read").status_code == 200


@pytest.mark.standard("6749-23")
def test_basic_credentials_are_form_encoded(http, ada):
    odd = ClientFactory(client_id="back end:1%", confidential=True)
    secret = secret_of(odd)
    tokens = http.log_in(ada, odd, client_secret=secret)

    answer = http.form(
        TOKEN,
        {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]},
        Authorization=basic("back+end%3A1%25", secret),
    )

    assert answer.status_code == 200


@pytest.mark.standard("6749-24")
def test_what_a_refresh_token_begins_with_tells_nothing_of_the_next(http, ada, web):
    """The fixed tag is prefix, header and leading claims; 256 bits come from the family's secret."""
    issued = http.log_in(ada, web)["refresh_token"]
    family = pair.identity_of(TokenFamily.objects.get())
    key = KEYRING.active(KeyPurpose.REFRESH)
    claims = payload_of(issued)
    times = {name: claims[name] for name in ("iat", "exp")}

    tokens = [
        refresh.made(family, key, issuer=claims["iss"], generation=n, branch=0, **times) for n in range(1_000)
    ]

    proofs = [token.rpartition(".")[2] for token in tokens]
    ids = [payload_of(token)["jti"] for token in tokens]
    assert tokens[0] == issued
    assert len(family.secret) == len(from_base64url(ids[0].encode())) == 32
    for guessable in (proofs, ids):
        assert len(set(guessable)) == 1_000
        assert len({value[:4] for value in guessable}) > 990
        assert not [one for one, next_ in pairwise(guessable) if one[:4] == next_[:4]]


@pytest.mark.standard("6749-24")
def test_every_family_has_a_secret_of_its_own(web):
    secrets = {bytes(session_of(client=web).family.secret) for _ in range(5)}

    assert len(secrets) == 5


def payload_of(token):
    return json.loads(from_base64url(token.split(".")[1].encode()))


@pytest.mark.standard("6749-25")
def test_a_refresh_that_overtakes_another_makes_no_second_generation(http, ada, web, monkeypatch):
    """The other refresh wins between this one's read and its write."""
    tokens = http.log_in(ada, web)
    other, answers, read = OAuth(Browser()), [], rotation.read

    def overtaken(*args, **kwargs):
        facts = read(*args, **kwargs)
        if not answers:
            answers.append(None)
            answers[0] = other.grant(tokens, web)
        return facts

    monkeypatch.setattr(rotation, "read", overtaken)
    answers.append(http.grant(tokens, web))

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json()["refresh_token"] == answers[1].json()["refresh_token"]
    assert TokenFamily.objects.get().generation == 1


@pytest.mark.standard("6749-25", "9700-01")
def test_in_an_exact_family_one_of_several_alone_gets_an_answer(http, ada):
    """To the letter, the same Idempotency-Key apart."""
    exact = ClientFactory(client_id="exact", exact=True)
    tokens = http.log_in(ada, exact)
    body = {"refresh_token": tokens["refresh_token"], "client_id": "exact"}

    answers = [http.post(REFRESH, body, Idempotency_Key=f"attempt-number-{n}") for n in range(3)]

    assert [answer.status_code for answer in answers] == [200, 400, 400]
    assert TokenFamily.objects.get().cause == "reuse"


@pytest.mark.standard("6749-26")
def test_a_database_that_fails_leaves_the_old_token_usable(ada, web):
    http = OAuth(Browser(raise_request_exception=False))
    tokens = http.log_in(ada, web)

    def fail(execute, sql, params, many, context):
        if sql.lower().startswith(("update", "with swapped")):
            raise OperationalError("gone")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(fail):
        failed = http.grant(tokens, web)

    assert (failed.status_code, "access_token" in failed.json()) == (503, False)
    assert http.grant(tokens, web).status_code == 200


@pytest.mark.standard("6749-05")
def test_a_token_of_another_user_of_this_client_tells_nothing_else(http, web):
    mine, theirs = (http.log_in(UserFactory(), web, device={"id": name}) for name in ("one", "two"))

    swapped = mine["refresh_token"].rpartition(".")[0] + "." + theirs["refresh_token"].rpartition(".")[2]

    assert http.grant({"refresh_token": swapped}, web).json()["error"] == "invalid_grant"
