"""RFC 7662: a resource server asks what a token is worth."""

import logging

import pytest

from tests.factories import ClientFactory, UserFactory, secret_of
from tests.http import INTROSPECT, REVOKE
from tests.sessions import claims_of
from tests.standards.conftest import Confidential, basic
from tests.standards.forgery import forged
from tokenauth.errors import Cause
from tokenauth.flows import revoke
from tokenauth.models import TokenFamily
from tokenauth.revocation.subjects import OfClient, OfFamily

pytestmark = pytest.mark.django_db

INACTIVE = {"active": False}


@pytest.mark.standard("7662-01", "7662-05")
def test_a_caller_that_does_not_authenticate_learns_nothing(http, ada, web, server):
    token = http.log_in(ada, web)["access_token"]
    form = {"token": token}

    answers = [
        http.form(INTROSPECT, {**form, "client_id": "server"}),
        http.form(INTROSPECT, {**form, "client_id": "server", "client_secret": "wrong"}),
        http.form(INTROSPECT, form, Authorization=basic("server", "wrong")),
        http.form(INTROSPECT, form, Authorization=basic("nobody", "wrong")),
    ]

    assert [(a.status_code, a.json()["error"]) for a in answers] == [(401, "invalid_client")] * 4
    assert not any({"active", "sub", "scope"} & set(answer.json()) for answer in answers)
    assert answers[2]["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.standard("7662-01")
@pytest.mark.parametrize("headers", [{}, {"bearer": "x.y.z"}], ids=["nothing", "a bearer token"])
def test_a_caller_without_any_credentials_is_401(http, ada, web, headers):
    token = http.log_in(ada, web)["access_token"]

    answer = http.form(INTROSPECT, {"token": token}, **headers)

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.standard("7662-02")
def test_an_active_token_is_told_with_all_that_applies(http, ada, web, server):
    tokens = http.log_in(ada, web)

    answer = http.introspect(tokens["access_token"], server)

    body, claims = answer.json(), claims_of(tokens["access_token"])
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    assert body["active"] is True
    told = {"scope", "client_id", "token_type", "exp", "iat", "sub", "aud", "iss", "jti"}
    assert told <= set(body)
    assert (body["sub"], body["client_id"], body["exp"]) == (str(ada.pk), "web", claims.exp)
    assert body["token_type"] == tokens["token_type"]


@pytest.mark.standard("7662-03", "7662-05")
def test_whatever_does_not_count_is_inactive_and_no_more(http, ada, web, server, clock):
    expired = http.log_in(ada, web)["access_token"]
    clock.shift(400)
    revoked, living = http.log_in(ada, web), http.log_in(ada, web)["access_token"]
    http.form(REVOKE, {"token": revoked["refresh_token"], "client_id": "web"})
    later = int(claims_of(living).iat) + 200
    shown = {
        "expired": expired,
        "revoked": revoked["access_token"],
        "unknown": "x" * 60,
        "malformed": "\u00e9.\u00e9",
        "forged": living[:-6] + "AAAAAA",
        "not yet valid": forged(living, nbf=later),
    }

    for reason, token in shown.items():
        answer = http.introspect(token, server)
        assert (answer.status_code, answer.json()) == (200, INACTIVE), reason
    assert http.introspect(living, server).json()["active"] is True


@pytest.mark.standard("7662-04")
def test_a_token_for_another_audience_is_inactive(http, ada, web):
    other = ClientFactory(client_id="other-api", resource=True, audiences=["https://other.test"])
    token = http.log_in(ada, web)["access_token"]

    answer = http.introspect(token, Confidential(other, secret_of(other)))

    assert (answer.status_code, answer.json()) == (200, INACTIVE)


@pytest.mark.standard("7662-06")
@pytest.mark.parametrize("hint", ["refresh_token", "access_token", "nonsense", ""])
def test_a_hint_changes_nothing(http, ada, web, server, hint):
    token = http.log_in(ada, web)["access_token"]

    assert http.introspect(token, server, token_type_hint=hint).json()["active"] is True


@pytest.mark.standard("7662-07")
@pytest.mark.parametrize("form", ["", "token=", "token=a&token=b"])
def test_the_token_must_be_there_once(http, server, form):
    answer = http.form(INTROSPECT, form, **server.basic)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.standard("7662-08")
@pytest.mark.parametrize(
    "end", ["user deactivated", "user deleted", "client switched off", "session ended", "session deleted"]
)
def test_what_its_token_hangs_on_is_asked(http, web, server, end):
    user = UserFactory()
    token = http.log_in(user, web)["access_token"]
    assert http.introspect(token, server).json()["active"] is True

    match end:
        case "user deactivated":
            user.is_active = False
            user.save()
        case "user deleted":
            user.delete()
        case "client switched off":
            revoke(OfClient("web", disable=True))
        case "session ended":
            revoke(OfFamily(TokenFamily.objects.get().pk), cause=Cause.REVOKED)
        case "session deleted":
            TokenFamily.objects.all().delete()

    assert http.introspect(token, server).json() == INACTIVE


@pytest.mark.standard("7662-09")
def test_a_get_is_refused_and_its_token_not_logged(http, ada, web, server, caplog):
    token = http.log_in(ada, web)["access_token"]

    with caplog.at_level(logging.DEBUG, logger="tokenauth"):
        answer = http.get(f"{INTROSPECT}?token={token}", **server.basic)

    assert answer.status_code == 405
    assert not any(token in line.getMessage() for line in caplog.records if line.name.startswith("tokenauth"))


@pytest.mark.standard("7662-10", "7662-14")
def test_no_other_kind_of_client_may_ask(http, ada, web, backend):
    token = http.log_in(ada, web)["access_token"]

    answers = [
        http.form(INTROSPECT, {"token": token, "client_id": "web"}),
        http.form(INTROSPECT, {"token": token, **backend.in_body}),
    ]

    assert [(a.status_code, a.json()["error"]) for a in answers] == [(401, "invalid_client")] * 2


@pytest.mark.standard("7662-10")
def test_a_server_that_tries_tokens_is_slowed_down(http, server, settings):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "LIMITS": {"introspect": "2/minute"}}

    answers = [http.introspect(f"guess{n}", server) for n in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]


@pytest.mark.standard("7662-11")
def test_a_server_sees_no_audience_but_its_own_and_nothing_of_our_own_keeping(http, ada, server):
    app = ClientFactory(client_id="app", audiences=["https://issuer.test", "https://other.test"])
    token = http.log_in(ada, app, audience=["https://issuer.test", "https://other.test"])["access_token"]

    body = http.introspect(token, server).json()

    assert body["aud"] == "https://issuer.test"
    assert not {"ep", "did", "gen", "br"} & set(body)


@pytest.mark.standard("7662-12")
def test_no_answer_is_cached(http, ada, web, server):
    shown = [http.log_in(ada, web)["access_token"], "garbage"]

    for answer in (http.introspect(token, server) for token in shown):
        assert "no-store" in answer["Cache-Control"]


@pytest.mark.standard("7662-13")
def test_refresh_tokens_and_what_a_theft_ended_are_inactive(http, ada, web, server):
    tokens = [http.log_in(ada, web)]
    for _ in range(2):
        tokens.append(http.grant(tokens[-1], web).json())
    http.grant(tokens[0], web)
    shown = [each[kind] for each in tokens for kind in ("refresh_token", "access_token")]

    assert [http.introspect(token, server).json() for token in shown] == [INACTIVE] * 6
