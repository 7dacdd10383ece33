"""F06: routine hygiene logs nobody out: SECRET_KEY moves on, single sign-on writes an unusable password."""

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.contrib.auth import get_user_model

from tests.conftest import forget_everything
from tests.factories import UserFactory
from tests.sessions import log_in
from tokenauth.tokens.encoding import to_base64url

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("both_modes")]


def test_a_new_secret_key_ends_no_session_nor_does_the_end_of_the_old_one(settings):
    key = to_base64url(AESGCM.generate_key(256))
    settings.TOKENAUTH = {**settings.TOKENAUTH, "ENCRYPTION_KEYS": (key,)}
    session = log_in()

    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-one-of-no-use-anywhere"
    forget_everything()
    assert session.refresh()

    settings.SECRET_KEY_FALLBACKS = []
    forget_everything()
    assert session.refresh()


def test_a_user_who_gets_another_unusable_password_stays_logged_in():
    session = log_in(UserFactory(password=None))

    for _ in range(2):
        user = get_user_model().objects.get(pk=session.user.pk)
        user.set_unusable_password()
        user.save()

    assert session.refresh()
