"""POST login/continue/: the second step of a login that the site challenged."""

import pytest

from tests.factories import PASSWORD, ClientFactory
from tests.http import LOGIN, Http
from tests.sessions import claims_of
from tokenauth.flows import Challenge, revoke
from tokenauth.models import TokenFamily, users
from tokenauth.revocation.subjects import OfUser

pytestmark = pytest.mark.django_db

CONTINUE = "/auth/login/continue/"


def challenge(user, client, device, request):
    return Challenge(methods=("totp",), acr="aal2") if user.username == "ada" else None


def verify(user, method, response, request):
    return method == "totp" and response == "123456"


@pytest.fixture(autouse=True)
def second_step(settings):
    settings.TOKENAUTH = {
        **settings.TOKENAUTH,
        "LOGIN_CHALLENGE": challenge,
        "LOGIN_VERIFY": f"{__name__}.verify",
    }


def first_step(http: Http, **more):
    body = {"username": "ada", "password": PASSWORD, "client_id": "web", **more}
    answer = http.post(LOGIN, body)
    assert answer.status_code == 401, answer.content
    return answer.json()


def finish(http: Http, challenge: str, /, **changes):
    return http.post(
        CONTINUE,
        {"challenge": challenge, "method": "totp", "response": "123456", "client_id": "web", **changes},
    )


def test_the_first_step_makes_no_session(http: Http, ada, web):
    body = first_step(http)

    assert (body["error"], body["methods"]) == ("interaction_required", ["totp"])
    assert body["challenge"].startswith("tkc_")
    assert not TokenFamily.objects.exists()


def test_the_second_makes_it_and_says_how_the_user_proved_himself(http: Http, ada, web):
    body = first_step(http, scope="orders:read", device={"id": "laptop"})

    answer = finish(http, body["challenge"])

    claims = claims_of(answer.json()["access_token"])
    assert (claims.acr, claims.amr, claims.scope) == ("aal2", ("pwd", "totp"), "orders:read")


def test_a_wrong_password_is_never_challenged(http: Http, ada, web):
    answer = http.post(LOGIN, {"username": "ada", "password": "wrong", "client_id": "web"})

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    "changes",
    [{"response": "000000"}, {"method": "sms"}, {"challenge": "tkc_AAAA"}, {"challenge": "x"}],
    ids=["wrong response", "another method", "forged", "no challenge"],
)
def test_whatever_is_wrong_is_one_answer(http: Http, ada, web, changes):
    body = first_step(http)

    answer = finish(http, body["challenge"], **changes)

    assert answer.status_code == 400
    assert answer.json() == {
        "error": "invalid_grant",
        "error_description": "The credentials or the token are not valid.",
        "reauthenticate": True,
    }


def test_five_tries_are_all_there_are(http: Http, ada, web):
    body = first_step(http)
    for _ in range(5):
        finish(http, body["challenge"], response="000000")

    assert finish(http, body["challenge"]).status_code == 400


def test_a_challenge_is_good_for_one_session(http: Http, ada, web):
    body = first_step(http)

    assert [finish(http, body["challenge"]).status_code for _ in range(2)] == [200, 400]


def test_it_ends_after_five_minutes(http: Http, ada, web, clock):
    body = first_step(http)
    clock.shift(300)

    assert finish(http, body["challenge"]).status_code == 400


def test_it_is_the_clients_that_got_it(http: Http, ada, web):
    ClientFactory(client_id="other")
    body = first_step(http)

    assert finish(http, body["challenge"], client_id="other").status_code == 400


@pytest.mark.parametrize("path", ["revoked", "password", "deactivated"])
def test_a_revocation_between_the_steps_is_not_overtaken(http: Http, ada, web, path):
    body = first_step(http)
    if path == "revoked":
        revoke(OfUser(users.key_of(ada)))
    elif path == "password":
        ada.set_password("another one")
        ada.save()
    else:
        type(ada).objects.filter(pk=ada.pk).update(is_active=False)

    assert finish(http, body["challenge"]).status_code == 400
    assert not TokenFamily.objects.exists()
