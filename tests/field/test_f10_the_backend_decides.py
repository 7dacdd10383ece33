"""F10: who is allowed is the login backend's decision, at login and at each refresh.

Its case (a), a user model whose `is_active` is a property, is a site: tests/sites/property_active/.
"""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend

from tests.http import Http
from tokenauth.models import TokenFamily

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("both_modes")]

OURS = "tests.field.test_f10_the_backend_decides.DirectoryBackend"
DJANGOS = "django.contrib.auth.backends.ModelBackend"
ALLOW_ALL = "django.contrib.auth.backends.AllowAllUsersModelBackend"
DISABLED_IN_THE_DIRECTORY: set[Any] = set()


class DirectoryBackend(ModelBackend):
    """Accounts that a directory may disable, whatever the row says."""

    def get_user(self, user_id: Any) -> Any:
        return None if user_id in DISABLED_IN_THE_DIRECTORY else super().get_user(user_id)


@pytest.fixture(autouse=True)
def directory():
    yield
    DISABLED_IN_THE_DIRECTORY.clear()


def has_ended(answer: Any, tokens: dict[str, Any]) -> bool:
    refused = (answer.status_code, answer.json()["error"], answer.json().get("reauthenticate"))
    family = TokenFamily.objects.get(pk=tokens["session_id"])
    return refused == (400, "invalid_grant", True) and family.cause == "account_gone"


def test_a_site_that_lets_inactive_users_in_lets_them_in_and_on(http: Http, ada, web, settings):
    settings.AUTHENTICATION_BACKENDS = [ALLOW_ALL]
    get_user_model().objects.filter(pk=ada.pk).update(is_active=False)

    tokens = http.log_in(ada, web)

    assert http.refresh(tokens, web).status_code == 200


def test_an_inactive_user_gets_no_further_where_the_backend_asks(http: Http, ada, web):
    tokens = http.log_in(ada, web)
    get_user_model().objects.filter(pk=ada.pk).update(is_active=False)

    assert http.refresh(tokens, web).status_code == 400


def test_an_account_that_the_directory_disables_gets_no_further(http: Http, ada, web, settings):
    settings.AUTHENTICATION_BACKENDS = [OURS]
    tokens = http.log_in(ada, web)
    tokens = http.refresh(tokens, web).json()
    DISABLED_IN_THE_DIRECTORY.add(ada.pk)

    answer = http.refresh(tokens, web)

    assert has_ended(answer, tokens)


def test_a_session_ends_whose_backend_the_site_removed(http: Http, ada, web, settings):
    settings.AUTHENTICATION_BACKENDS = [OURS]
    tokens = http.log_in(ada, web)
    settings.AUTHENTICATION_BACKENDS = [DJANGOS]

    answer = http.refresh(tokens, web)

    assert has_ended(answer, tokens)
    assert http.log_in(ada, web)
