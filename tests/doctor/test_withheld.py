"""What others wrote is shown where it holds no secret."""

import pytest
import redis
from django.db import OperationalError

from tokenauth.doctor import withheld

SECRET = "hunter2-in-the-clear"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", SECRET),
        ("SECRET_KEY_FALLBACKS", [SECRET]),
        ("EMAIL_HOST_PASSWORD", SECRET),
        ("TOKENAUTH", {"ENCRYPTION_KEYS": (SECRET,)}),
        ("CACHES", {"default": {"BACKEND": "x", "LOCATION": f"redis://:{SECRET}@cache/1"}}),
        ("CACHES", {"default": {"BACKEND": "x", "LOCATION": ["redis://a/1", f"redis://u:{SECRET}@b/1"]}}),
        ("CACHES", {"default": {"BACKEND": "x", "OPTIONS": {"PASSWORD": SECRET}}}),
        ("CELERY_BROKER_URL", f"amqp://guest:{SECRET}@broker//"),
        ("CELERY_BROKER_TRANSPORT_OPTIONS", {"sentinel_kwargs": {"password": SECRET}}),
        ("SITES_CREDENTIALS", {"mail": {"code": SECRET}}),
        ("SITES_OWN", [{"credentials": {"api_key": SECRET}}, {"token": SECRET.encode()}]),
    ],
)
def test_a_text_with_a_secret_of_the_settings_is_withheld(settings, name, value):
    setattr(settings, name, value)

    assert SECRET not in withheld.foreign(f"it says {SECRET!r}")
    assert SECRET not in withheld.described(OperationalError(f"it says {SECRET!r}"))
    assert withheld.foreign("it says nothing") == "it says nothing"


def test_a_password_is_known_as_it_is_and_as_it_stands_in_an_address(settings):
    settings.CELERY_BROKER_URL = "amqp://guest:p%40ss%2Fword@broker//"

    assert "p@ss/word" not in withheld.foreign("it says p@ss/word")
    assert "p%40ss%2Fword" not in withheld.foreign("it says p%40ss%2Fword")


def test_classes_named_in_settings_are_no_secret():
    name = "tokenauth.api.authentication.TokenAuthentication"

    assert withheld.foreign(f"Set it to {name}") == f"Set it to {name}"


@pytest.mark.parametrize("failure", [OperationalError, ConnectionRefusedError, redis.ConnectionError])
def test_an_error_of_a_driver_tells_its_first_line(failure):
    shown = withheld.described(failure("no route to host\nand much more"))

    assert shown == f"{failure.__name__}: no route to host"


def test_any_other_error_is_only_named():
    """urllib quotes a piece of an address that it cannot read: nobody knows a part of a password."""
    assert withheld.described(ValueError("Port could not be cast to integer value as 'ter2'")) == "ValueError"
    assert withheld.described(OperationalError()) == "OperationalError"


def test_a_text_of_many_lines_becomes_one():
    assert withheld.foreign("one\n  two\r\nthree") == "one two three"
