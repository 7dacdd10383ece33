"""F15: the password changes, or the user is deactivated, while a login is under way."""

from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.hashers import make_password

from tests.crowd import elsewhere
from tests.factories import PASSWORD, UserFactory
from tests.guarantees.statements import watched
from tests.http import LOGIN, Http
from tokenauth.flows import revoke
from tokenauth.models import TokenFamily, users
from tokenauth.revocation.subjects import OfUser

pytestmark = pytest.mark.django_db(transaction=True)

ME = "/api/me/"
BODY = {"username": "ada", "password": PASSWORD, "client_id": "web", "device": {"id": "phone"}}


class Held(ModelBackend):
    """Lets something happen once a password was found right, before the login goes on."""

    meanwhile: ClassVar[list[Callable[[], None]]] = []

    def authenticate(self, request: Any, username: Any = None, password: Any = None, **more: Any) -> Any:
        user = super().authenticate(request, username=username, password=password, **more)
        if user is not None and self.meanwhile:
            elsewhere(self.meanwhile.pop())
        return user


def new_password() -> None:
    user = get_user_model().objects.get(username="ada")
    user.set_password("a better horse")
    user.save()


def new_hash_by_update() -> None:
    # past every signal: only the row says so
    get_user_model().objects.filter(username="ada").update(password=make_password("a better horse"))


def deactivation() -> None:
    user = get_user_model().objects.get(username="ada")
    user.is_active = False
    user.save()


def deactivation_by_update() -> None:
    get_user_model().objects.filter(username="ada").update(is_active=False)


def deletion() -> None:
    get_user_model().objects.get(username="ada").delete()


CHANGES = pytest.mark.parametrize(
    "change", [new_password, new_hash_by_update, deactivation, deactivation_by_update, deletion]
)


@pytest.fixture(autouse=True)
def held(settings) -> Any:
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Held"]
    yield
    Held.meanwhile.clear()


@CHANGES
def test_the_login_answers_as_for_wrong_credentials(http: Http, ada, web, change):
    wrong = http.post(LOGIN, {**BODY, "password": "wrong"})
    Held.meanwhile.append(change)

    answer = http.post(LOGIN, BODY)

    assert Held.meanwhile == []
    assert (answer.status_code, answer.json()) == (400, wrong.json())
    assert not TokenFamily.objects.exists()


@pytest.mark.parametrize("change", [new_password, deactivation])
def test_a_change_after_the_last_look_leaves_a_session_that_is_dead(http: Http, ada, web, change):
    pending = [change]

    def once_compared(sql: str, proceed: Callable[[], Any]) -> Any:
        result = proceed()
        if pending and "ep_user" in sql and sql.startswith("SELECT") and "tokenauth_client" in sql:
            elsewhere(pending.pop())
        return result

    with watched(once_compared):
        answer = http.post(LOGIN, BODY)

    assert pending == []
    if answer.status_code == 200:
        tokens = answer.json()
        assert http.get(ME, bearer=tokens["access_token"]).status_code == 401
        assert http.refresh(tokens, web).status_code == 400


def test_who_logs_out_everywhere_meanwhile_is_asked_again_and_not_outlived(http: Http, ada, web):
    """No column of his changes: the password still is right, and is checked after the revocation."""
    epochs = []
    Held.meanwhile.append(lambda: epochs.append(revoke(OfUser(users.key_of(ada))).floor))

    answer = http.post(LOGIN, BODY)

    assert answer.status_code == 200
    assert TokenFamily.objects.get().ep_user == epochs[0]
    assert http.get(ME, bearer=answer.json()["access_token"]).status_code == 200


def test_a_change_of_another_user_disturbs_nobody(http: Http, ada, web):
    other = UserFactory()

    def another_users_password() -> None:
        other.set_password("a better horse")
        other.save()

    Held.meanwhile.append(another_users_password)

    assert http.post(LOGIN, BODY).status_code == 200
