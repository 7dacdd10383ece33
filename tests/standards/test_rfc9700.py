"""RFC 9700: best current practice for the security of OAuth 2.0."""

import pytest

from tests.factories import PASSWORD, ClientFactory, UserFactory
from tests.http import LOGIN, REVOKE, SESSIONS, TOKEN
from tests.sessions import claims_of
from tokenauth.models import TokenFamily

pytestmark = pytest.mark.django_db

METADATA = "/.well-known/oauth-authorization-server"


@pytest.fixture
def generations(http, ada, web):
    """What one session was answered, oldest first; the newest was used, so the one before it won."""
    tokens = [http.log_in(ada, web)]
    for _ in range(3):
        tokens.append(http.refresh(tokens[-1], web).json())
    return tokens


@pytest.mark.standard("9700-01")
def test_every_refresh_gives_a_new_token_and_ends_the_ones_before_it(http, web, generations):
    shown = [tokens["refresh_token"] for tokens in generations]

    answer = http.grant(generations[1], web)

    assert len(set(shown)) == len(shown)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


@pytest.mark.standard("9700-01")
def test_the_parent_of_the_newest_generation_gets_the_same_answer_and_no_further_one(http, web, generations):
    """The decided reading: a client whose answer was lost asks again within the grace period."""
    again = http.grant(generations[2], web)

    assert again.json()["refresh_token"] == generations[3]["refresh_token"]
    assert TokenFamily.objects.get().generation == 3


@pytest.mark.standard("9700-02", "9700-09")
@pytest.mark.parametrize("age", [0, 1])
def test_an_old_token_shown_again_ends_the_session(http, web, generations, age):
    answer = http.grant(generations[age], web)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert http.grant(generations[-1], web).json()["error"] == "invalid_grant"
    assert TokenFamily.objects.get().cause == "reuse"


@pytest.mark.standard("9700-02")
def test_the_parent_shown_again_after_the_grace_period_never_leaves_two_living_branches(
    http, web, generations, clock
):
    """A client whose answer was lost gets a branch of its own; the branch that lost is theft."""
    clock.shift(60)
    sibling = http.grant(generations[2], web).json()
    assert http.grant(sibling, web).status_code == 200

    answer = http.grant(generations[3], web)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert TokenFamily.objects.get().cause == "reuse"


@pytest.mark.standard("9700-03")
def test_theft_ends_no_other_session(http, ada, web):
    stolen = http.log_in(ada, web, device={"id": "laptop"})
    others = [http.log_in(ada, web, device={"id": "phone"}), http.log_in(UserFactory(), web)]
    http.grant(http.grant(stolen, web).json(), web)
    http.grant(stolen, web)

    assert TokenFamily.objects.get(pk=stolen["session_id"]).cause == "reuse"
    assert [http.grant(tokens, web).status_code for tokens in others] == [200, 200]


@pytest.mark.standard("9700-04")
def test_theft_ends_the_access_tokens_too(http, web, server, generations):
    assert http.opens(generations[-1])

    http.grant(generations[0], web)

    assert not http.opens(generations[-1])
    assert http.introspect(generations[-1]["access_token"], server).json() == {"active": False}


@pytest.mark.standard("9700-05")
def test_a_refresh_widens_neither_scope_nor_audience(http, ada):
    app = ClientFactory(client_id="app", audiences=["https://a.test", "https://b.test"])
    tokens = http.log_in(ada, app, scope="orders:read", audience="https://a.test")

    scope = http.grant(tokens, app, scope="orders:write")
    audience = http.grant(tokens, app, resource="https://b.test")
    neither = http.grant(tokens, app)

    assert [scope.json()["error"], audience.json()["error"]] == ["invalid_scope", "invalid_target"]
    claims = claims_of(neither.json()["access_token"])
    assert (claims.scope, claims.aud) == ("orders:read", ("https://a.test",))


@pytest.mark.standard("9700-06")
def test_a_token_that_nobody_used_for_the_idle_period_is_refused(http, ada, web, clock):
    tokens = http.log_in(ada, web)

    clock.shift(7 * 86_400 + 1)

    assert http.grant(tokens, web).json()["error"] == "invalid_grant"


@pytest.mark.standard("9700-07")
def test_a_new_password_ends_every_session(http, ada, web):
    sessions = [http.log_in(ada, web, device={"id": name}) for name in ("laptop", "phone")]

    ada.set_password("another one entirely")
    ada.save()

    assert [http.grant(tokens, web).json()["error"] for tokens in sessions] == ["invalid_grant"] * 2


@pytest.mark.standard("9700-07")
def test_a_logout_ends_the_refresh_token(http, ada, web):
    tokens = http.log_in(ada, web)

    http.form(REVOKE, {"token": tokens["refresh_token"], "client_id": "web"})

    assert http.grant(tokens, web).json()["error"] == "invalid_grant"


@pytest.mark.standard("9700-08")
def test_no_bit_of_a_refresh_token_can_be_changed(http, ada, web):
    tokens, bystander = http.log_in(ada, web), http.log_in(UserFactory(), web)
    token = tokens["refresh_token"]

    for position in range(0, len(token), 11):
        changed = token[:position] + chr(ord(token[position]) ^ 1) + token[position + 1 :]
        assert http.grant({"refresh_token": changed}, web).status_code == 400

    assert [http.grant(each, web).status_code for each in (tokens, bystander)] == [200, 200]


@pytest.mark.standard("9700-10")
def test_a_token_for_another_audience_is_refused_each_time(http, ada):
    app = ClientFactory(client_id="app", audiences=["https://elsewhere.test"])
    tokens = http.log_in(ada, app, audience="https://elsewhere.test")

    answers = [http.get("/api/me/", bearer=tokens["access_token"]) for _ in range(2)]

    assert claims_of(tokens["access_token"]).aud == ("https://elsewhere.test",)
    assert [answer.status_code for answer in answers] == [401, 401]


@pytest.mark.standard("9700-11")
def test_the_password_grant_is_neither_there_nor_advertised(http, ada, web):
    form = {"grant_type": "password", "username": "ada", "password": PASSWORD, "client_id": "web"}

    answer = http.form(TOKEN, form)

    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")
    assert http.get(METADATA).json()["grant_types_supported"] == ["refresh_token"]


@pytest.mark.standard("9700-12", "ASVS-17")
def test_a_confidential_client_is_authenticated_wherever_it_comes(http, ada, backend):
    tokens = http.log_in(ada, backend.client, client_secret=backend.secret)
    login = {"username": "ada", "password": PASSWORD, "client_id": "backend"}

    answers = [
        http.post(LOGIN, login),
        http.grant(tokens, backend.client),
        http.refresh(tokens, backend.client),
        http.form(REVOKE, {"token": tokens["refresh_token"], "client_id": "backend"}),
    ]

    assert [(a.status_code, a.json()["error"]) for a in answers] == [(401, "invalid_client")] * 4
    assert http.opens(tokens)


@pytest.mark.standard("9700-13", "6750-10")
@pytest.mark.parametrize("path", ["/api/me/", SESSIONS])
def test_a_token_in_the_query_is_not_read(http, ada, web, path):
    tokens = http.log_in(ada, web)

    answer = http.get(f"{path}?access_token={tokens['access_token']}")

    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Bearer realm="api"')


@pytest.mark.standard("9700-15")
def test_forwarded_headers_of_a_client_decide_nothing(http, ada, web, settings):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "LIMITS": {"login_network": "2/minute"}}
    login = {"username": "ada", "password": PASSWORD, "client_id": "web"}
    claims = [{"X_Forwarded_For": f"203.0.{n}.9", "X_Forwarded_Host": "evil.test"} for n in range(3)]

    answers = [http.post(LOGIN, login, **headers) for headers in claims]
    plain = http.browser.get("/api/me/", headers={"X-Forwarded-Proto": "https"}, secure=False)

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert plain.status_code == 401


@pytest.mark.standard("9700-15")
@pytest.mark.parametrize("header", ["X-SSL-Client-Cert", "X-Client-Cert", "Client-Cert", "X-Remote-User"])
def test_a_certificate_in_a_header_is_nobodys(http, backend, header):
    answer = http.grant({"refresh_token": "x"}, backend.client)
    claimed = http.form(
        TOKEN,
        {"grant_type": "refresh_token", "refresh_token": "x", "client_id": "backend"},
        **{header: "backend"},
    )

    assert (claimed.status_code, claimed.json()) == (answer.status_code, answer.json())
    assert claimed.json()["error"] == "invalid_client"
