"""RFC 7009: a client hands a token back."""

import pytest
from django.db import OperationalError, connection
from django.test import Client as Browser

from tests.factories import ClientFactory
from tests.http import REVOKE
from tests.standards.conftest import OAuth, basic
from tokenauth.models import TokenEvent, TokenFamily
from tokenauth.models.event import EventKind

pytestmark = pytest.mark.django_db


def seen(answer):
    """What a client sees of an answer, but for the id of the request."""
    headers = {name: value for name, value in answer.headers.items() if name != "X-Request-ID"}
    return answer.status_code, answer.content, headers


def hand_back(http, token, **more):
    return http.form(REVOKE, {"token": token, "client_id": "web", **more})


@pytest.mark.standard("7009-01", "7009-02")
def test_every_own_or_unknown_token_is_the_same_200(http, ada, web, clock):
    expired = http.log_in(ada, web)
    clock.shift(8 * 86_400)
    living = http.log_in(ada, web)
    shown = [
        living["access_token"],
        living["access_token"],
        living["refresh_token"],
        living["refresh_token"],
        expired["access_token"],
        expired["refresh_token"],
        "garbage",
        "tkr_a.b.c",
        "a.b.c",
        "\u00e9",
    ]

    answers = [seen(hand_back(http, token)) for token in shown]

    assert {status for status, _, _ in answers} == {200}
    assert answers == [answers[0]] * len(shown)


@pytest.mark.standard("7009-03")
@pytest.mark.parametrize("form", ["client_id=web", "client_id=web&token=", "client_id=web&token=a&token=b"])
def test_the_token_must_be_there_once(http, web, form):
    answer = http.form(REVOKE, form)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.standard("7009-04", "7009-05", "7009-14")
def test_a_refresh_token_ends_itself_and_its_access_tokens_at_once(http, ada, web, server):
    tokens = http.log_in(ada, web)
    next_ = http.grant(tokens, web).json()

    hand_back(http, next_["refresh_token"])

    assert http.grant(next_, web).json()["error"] == "invalid_grant"
    assert [http.opens(each) for each in (tokens, next_)] == [False, False]
    assert http.introspect(next_["access_token"], server).json() == {"active": False}


@pytest.mark.standard("7009-04", "7009-06", "7009-14")
def test_an_access_token_ends_itself_at_once_and_not_its_session(http, ada, web, server):
    tokens = http.log_in(ada, web)

    hand_back(http, tokens["access_token"])

    assert not http.opens(tokens)
    assert http.introspect(tokens["access_token"], server).json() == {"active": False}
    assert http.opens(http.grant(tokens, web).json())


@pytest.mark.standard("7009-07", "7009-08")
@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "pkcs12", ""])
def test_a_hint_changes_nothing(http, ada, web, kind, hint):
    tokens = http.log_in(ada, web)

    answer = hand_back(http, tokens[kind], token_type_hint=hint)

    assert answer.status_code == 200
    assert not http.opens(tokens)


@pytest.mark.standard("7009-09", "ASVS-17")
def test_a_confidential_client_with_a_wrong_secret_ends_nothing(http, ada, backend):
    tokens = http.log_in(ada, backend.client, client_secret=backend.secret)
    form = {"token": tokens["refresh_token"]}

    answers = [
        http.form(REVOKE, form, Authorization=basic("backend", "wrong")),
        http.form(REVOKE, {**form, "client_id": "backend", "client_secret": "wrong"}),
        http.form(REVOKE, {**form, "client_id": "backend"}),
    ]

    assert [(a.status_code, a.json()["error"]) for a in answers] == [(401, "invalid_client")] * 3
    assert answers[0]["WWW-Authenticate"].startswith("Basic ")
    assert http.opens(tokens)


@pytest.mark.standard("7009-10")
@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_another_clients_token_is_invalid_grant_and_stays_valid(http, ada, web, kind):
    ClientFactory(client_id="other")
    tokens = http.log_in(ada, web)

    answer = hand_back(http, tokens[kind], client_id="other")

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert http.opens(tokens)
    assert http.grant(tokens, web).status_code == 200


@pytest.mark.standard("7009-10")
def test_another_clients_dead_token_is_invalid_grant_too(http, ada, web):
    ClientFactory(client_id="other")
    tokens = http.log_in(ada, web)
    hand_back(http, tokens["refresh_token"])

    answer = hand_back(http, tokens["refresh_token"], client_id="other")

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


@pytest.mark.standard("7009-11")
def test_a_public_client_needs_its_name_alone(http, ada, web):
    tokens = http.log_in(ada, web)

    answer = http.form(REVOKE, {"token": tokens["refresh_token"], "client_id": "web"})

    assert (answer.status_code, http.opens(tokens)) == (200, False)


@pytest.mark.standard("7009-13")
def test_a_database_that_is_out_is_503_and_the_token_lives(ada, web):
    http = OAuth(Browser(raise_request_exception=False))
    tokens = http.log_in(ada, web)

    def fail(execute, sql, params, many, context):
        if sql.lower().startswith(("insert", "update")):
            raise OperationalError("gone")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(fail):
        answer = hand_back(http, tokens["refresh_token"])

    assert (answer.status_code, answer["Retry-After"]) == (503, "1")
    assert http.opens(tokens)


@pytest.mark.standard("7009-15")
def test_a_get_ends_nothing(http, ada, web):
    tokens = http.log_in(ada, web)

    answer = http.get(f"{REVOKE}?token={tokens['refresh_token']}&client_id=web")

    assert answer.status_code == 405
    assert "GET" not in answer["Allow"]
    assert http.opens(tokens)


@pytest.mark.standard("7009-16")
def test_no_callback_is_called(http, ada, web):
    answer = hand_back(http, "garbage", callback="evil")

    assert b"evil" not in answer.content
    assert answer["Content-Type"] == "application/json"


@pytest.mark.standard("7009-17")
def test_an_old_token_ends_its_session_without_being_called_theft(http, ada, web):
    tokens = [http.log_in(ada, web)]
    for _ in range(2):
        tokens.append(http.grant(tokens[-1], web).json())

    hand_back(http, tokens[0]["refresh_token"])

    assert http.grant(tokens[-1], web).json()["error"] == "invalid_grant"
    assert TokenFamily.objects.get().cause == "logged_out"
    assert not TokenEvent.objects.filter(kind=EventKind.REUSE).exists()
