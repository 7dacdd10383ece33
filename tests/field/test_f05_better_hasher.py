"""F05: a better password hasher logs nobody out; a new password everybody."""

import pytest
from django.contrib.auth import get_user_model
from django.test import Client as Browser
from django.test import override_settings

from tests.factories import BETTER_HASHERS, PASSWORD, UserFactory
from tests.http import Http
from tests.sessions import log_in
from tokenauth.errors import Refused

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("both_modes")]


def through_our_login(user, client):
    answer = Http(Browser()).post(
        "/auth/login/",
        {"username": user.get_username(), "password": PASSWORD, "client_id": client.client_id},
    )
    assert answer.status_code == 200


def through_the_admin(user, client):
    answer = Browser().post("/admin/login/", {"username": user.get_username(), "password": PASSWORD})
    assert answer.status_code == 302


@pytest.mark.parametrize("third_login", [through_our_login, through_the_admin])
def test_an_upgrade_at_a_third_login_ends_no_session_and_a_new_password_both(third_login):
    user = UserFactory(is_staff=True)
    phone = log_in(user)
    laptop = log_in(user, phone.client)

    with override_settings(PASSWORD_HASHERS=BETTER_HASHERS):
        third_login(user, phone.client)

    stored = get_user_model().objects.get(pk=user.pk)
    assert stored.password.startswith("pbkdf2_sha256$")
    assert phone.refresh()
    assert laptop.refresh()

    stored.set_password("really another one")
    stored.save()

    for session in (phone, laptop):
        assert isinstance(session.show(session.pair.refresh_token), Refused)
        assert not session.accepts()
