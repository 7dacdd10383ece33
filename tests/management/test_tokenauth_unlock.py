"""`manage.py tokenauth_unlock`: a user who is locked out gets in again."""

import pytest
from django.core.management import call_command

from tests.sessions import log_in
from tokenauth.risk import limits

pytestmark = pytest.mark.django_db


def test_it_forgets_the_failures_of_a_name_and_of_its_devices(settings, capsys):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "LIMITS": {"login_failures": 1}}
    session = log_in()
    name, laptop = session.user.username, str(session.pair.device_id)
    limits.note_failure(name, known_device=None)
    limits.note_failure(name, known_device=laptop)

    call_command("tokenauth_unlock", name)

    assert not limits.account_is_locked(name, known_device=None)
    assert not limits.account_is_locked(name, known_device=laptop)
    assert "forgotten" in capsys.readouterr().out


def test_a_name_that_nobody_has_can_be_unlocked_too(settings):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "LIMITS": {"login_failures": 1}}
    limits.note_failure("nobody", known_device=None)

    call_command("tokenauth_unlock", "nobody")

    assert not limits.account_is_locked("nobody", known_device=None)
