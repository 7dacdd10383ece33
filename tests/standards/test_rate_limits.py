"""RFC 6585 and RFC 9110: what a client that asks too often is told."""

import pytest
from django.test import Client as Browser

from tests.factories import PASSWORD, ClientFactory, UserFactory
from tests.http import LOGIN
from tests.standards.conftest import OAuth
from tokenauth.models import TokenFamily

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


@pytest.fixture
def limits(settings):
    """Set the limits of a test; all others are off."""

    def limit(**rates):
        settings.TOKENAUTH = {
            **settings.TOKENAUTH,
            "LIMITS": {**settings.TOKENAUTH["LIMITS"], **rates},
        }

    return limit


def log_in(http, name, password=PASSWORD, *, client="web", **headers):
    return http.post(LOGIN, {"username": name, "password": password, "client_id": client}, **headers)


@pytest.mark.standard("RL-01", "RL-02")
@pytest.mark.parametrize("what", ["login", "refresh", "introspect"])
def test_too_often_is_429_with_whole_seconds_and_in_no_cache(http, ada, web, server, limits, what):
    tokens = http.log_in(ada, web)
    limits(login_account="1/minute", refresh_network="1/minute", introspect="1/minute")
    ask = {
        "login": lambda: log_in(http, "ada"),
        "refresh": lambda: http.grant(tokens, web),
        "introspect": lambda: http.introspect(tokens["access_token"], server),
    }[what]

    answers = [ask() for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 429]
    assert answers[1]["Retry-After"].isdecimal()
    assert 1 <= int(answers[1]["Retry-After"]) <= 60
    assert "no-store" in answers[1]["Cache-Control"]
    assert answers[1].json()["error"] == "temporarily_unavailable"


@pytest.mark.standard("RL-02")
def test_after_those_seconds_it_is_answered_again(http, ada, web, limits, clock):
    limits(login_account="1/minute")
    refused = [log_in(http, "ada") for _ in range(2)][1]

    clock.shift(int(refused["Retry-After"]))

    assert log_in(http, "ada").status_code == 200


@pytest.mark.standard("RL-07")
@pytest.mark.parametrize("spelling", ["ADA", " ada", "ada ", "\uff41da", "aDa\u00a0"])
def test_no_spelling_of_a_name_has_a_count_of_its_own(http, ada, web, limits, spelling):
    limits(login_account="1/minute")
    log_in(http, "ada", "wrong")

    assert log_in(http, spelling, "wrong").status_code == 429


@pytest.mark.standard("RL-07")
def test_no_forwarded_address_and_no_other_client_has_a_count_of_its_own(http, ada, web, limits):
    ClientFactory(client_id="other")
    limits(login_network="1/minute", login_account=None)
    log_in(http, "ada", "wrong")

    forwarded = log_in(http, "ada", X_Forwarded_For="203.0.113.9", X_Real_IP="203.0.113.9")
    other = log_in(http, "ada", client="other")

    assert (forwarded.status_code, other.status_code) == (429, 429)


@pytest.mark.standard("RL-07")
def test_no_other_client_has_a_count_of_its_own_for_an_account(http, ada, web, limits):
    ClientFactory(client_id="other")
    limits(login_account="1/minute")
    log_in(http, "ada", "wrong")

    assert log_in(http, "ada", client="other").status_code == 429


@pytest.mark.standard("RL-08")
@pytest.mark.parametrize("limit", ["refresh_network", "refresh_family"])
def test_a_refresh_that_came_too_soon_consumes_nothing(http, ada, web, limits, clock, limit):
    tokens = http.log_in(ada, web)
    limits(**{limit: "1/minute"})
    next_ = http.grant(tokens, web).json()

    refused = http.grant(next_, web)
    clock.shift(60)

    assert refused.status_code == 429
    assert TokenFamily.objects.get().generation == 1
    assert http.grant(next_, web).status_code == 200


@pytest.mark.standard("RL-08")
def test_one_account_too_often_keeps_no_other_out(http, ada, web, limits):
    UserFactory(username="bob")
    limits(login_account="1/minute", login_failures=1)
    for _ in range(3):
        log_in(http, "ada", "wrong")

    assert log_in(OAuth(Browser()), "bob").status_code == 200


@pytest.mark.standard("RL-08")
def test_one_session_too_often_keeps_no_other_waiting(http, ada, web, limits):
    mine, theirs = http.log_in(ada, web), http.log_in(UserFactory(), web)
    limits(refresh_family="1/minute")
    refreshed = http.grant(mine, web).json()

    assert http.grant(refreshed, web).status_code == 429
    assert http.grant(theirs, web).status_code == 200
