"""django-axes: it counts failed logins for tokens, and its lockout is one of our refusals."""

from typing import Any

import pytest
from axes.models import AccessAttempt

from tests.factories import PASSWORD, ClientFactory, UserFactory, secret_of
from tests.http import LOGIN, Http
from tests.sites.coexistence.test_otp import CONTINUE, NAME_AND_PASSWORD
from tokenauth.models import TokenFamily

ALLAUTH_LOGIN = "/_allauth/app/v1/auth/login"
LIMIT = 3


@pytest.fixture
def allauths_client(db: None) -> None:
    ClientFactory(client_id="phone", mobile=True, first_party=False)


def log_in(http: Http, password: str = PASSWORD, username: str = "ada") -> Any:
    return http.post(LOGIN, {"username": username, "password": password, "client_id": "web"})


def fail(http: Http, times: int, username: str = "ada") -> list[Any]:
    return [log_in(http, "wrong", username) for _ in range(times)]


def test_failures_are_counted_although_the_site_rolls_refused_requests_back(http: Http, ada, web):
    fail(http, 2)

    attempt = AccessAttempt.objects.get()
    assert (attempt.username, attempt.failures_since_start, attempt.path_info) == ("ada", 2, LOGIN)


def test_a_login_forgets_the_failures(http: Http, ada, web):
    fail(http, 2)

    answer = log_in(http)

    assert (answer.status_code, answer.cookies) == (200, {})
    assert not AccessAttempt.objects.exists()


def test_a_locked_account_a_wrong_password_and_a_stranger_are_one_answer(http: Http, ada, web):
    wrong, _, locking = fail(http, LIMIT)
    locked = log_in(http)
    stranger = log_in(http, username="nobody")

    answers = {(answer.status_code, answer.content) for answer in [wrong, locking, locked, stranger]}

    assert answers == {(400, wrong.content)}
    assert wrong.json()["error"] == "invalid_grant"
    assert locked["Content-Type"] == "application/json"


def test_after_the_cool_off_the_right_password_counts_again(http: Http, ada, web, clock):
    fail(http, LIMIT)
    clock.shift(14 * 60)
    assert log_in(http).status_code == 400
    clock.shift(2 * 60)

    assert log_in(http).status_code == 200


def test_another_account_is_not_locked_with_it(http: Http, ada, web):
    bob = UserFactory(username="bob")
    fail(http, LIMIT)

    assert log_in(http, username=bob.username).status_code == 200


def test_sessions_that_stand_refresh_while_the_account_is_locked(http: Http, ada, web):
    """A stranger who guesses locks nobody out of where he is logged in."""
    tokens = log_in(http).json()
    fail(http, LIMIT)

    assert http.refresh(tokens, web).status_code == 200


def test_a_disabled_users_answer_is_the_same_and_counted(http: Http, ada, web):
    ada.is_active = False
    ada.save()

    assert log_in(http).content == log_in(http, "wrong").content
    assert AccessAttempt.objects.get().failures_since_start == 2


def test_no_secret_of_a_form_is_written_down(http: Http, ada):
    backend = ClientFactory(client_id="backend", confidential=True)
    secret = secret_of(backend)
    form = {"username": "ada", "password": "a wrong one", "client_id": "backend", "client_secret": secret}

    http.form(LOGIN, form)

    kept = str(AccessAttempt.objects.values().get())
    assert "client_id=backend" in kept
    assert secret not in kept
    assert "a wrong one" not in kept


def test_a_wrong_second_step_is_a_failed_login_of_the_account(http: Http, phone, web):
    step = http.post(LOGIN, NAME_AND_PASSWORD).json()["challenge"]
    body = {"challenge": step, "method": "otp_totp", "response": "no code", "client_id": "web"}
    answers = [http.form(CONTINUE, body) for _ in range(LIMIT)]

    attempt = AccessAttempt.objects.get()

    assert {answer.json()["error"] for answer in answers} == {"invalid_grant"}
    assert (attempt.username, attempt.failures_since_start) == ("ada", LIMIT)
    assert step not in attempt.post_data
    assert "no code" not in attempt.post_data
    assert http.post(LOGIN, NAME_AND_PASSWORD).json()["error"] == "invalid_grant"


@pytest.mark.usefixtures("allauths_client")
def test_a_locked_account_is_locked_for_allauth_too(http: Http, ada, web):
    fail(http, LIMIT)

    answer = http.post(ALLAUTH_LOGIN, {"username": "ada", "password": PASSWORD})

    assert answer.status_code in (400, 401, 429)
    assert not TokenFamily.objects.exists()


def test_axes_has_to_be_told_what_a_login_calls_the_name(http: Http, ada, web, settings):
    """By default it is the user model's USERNAME_FIELD."""
    settings.AXES_USERNAME_FORM_FIELD = "email"
    fail(http, 1)
    settings.AXES_USERNAME_FORM_FIELD = "username"
    fail(http, 1)

    assert {attempt.username for attempt in AccessAttempt.objects.all()} == {None, "ada"}


@pytest.mark.usefixtures("ada")
def test_the_sites_own_pages_still_show_axes_page(http: Http):
    """Only our own answers are left alone."""
    for _ in range(LIMIT):
        answer = http.form("/admin/login/", {"username": "ada", "password": "wrong"})

    assert answer.status_code == 429
