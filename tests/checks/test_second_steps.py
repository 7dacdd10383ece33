"""Second steps of a login."""

import pytest

from tests.checks.found import ids
from tokenauth.checks import second_steps as checks

DJANGOS = "django.core.cache.backends"


def test_e007_a_second_step_whose_tries_nobody_counts(settings, tokenauth):
    settings.CACHES = {"default": {"BACKEND": f"{DJANGOS}.dummy.DummyCache"}}
    without = checks.second_steps_are_counted()
    tokenauth(LOGIN_CHALLENGE="site.challenge")

    assert without == []
    assert ids(checks.second_steps_are_counted()) == ["E007"]


@pytest.mark.parametrize("backend", ["locmem.LocMemCache", "filebased.FileBasedCache"])
def test_e007_a_second_step_whose_tries_processes_count_apart(settings, tokenauth, backend):
    settings.CACHES = {"default": {"BACKEND": f"{DJANGOS}.{backend}", "LOCATION": "x"}}
    tokenauth(LOGIN_CHALLENGE="site.challenge")

    assert checks.second_steps_are_counted() == []
    assert ids(checks.second_steps_are_counted_once()) == ["E007"]


@pytest.mark.parametrize(
    "cache",
    [
        {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": "redis://127.0.0.1/0"},
        {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "counts"},
    ],
)
def test_e007_is_silent_on_a_cache_that_all_share(settings, tokenauth, cache):
    settings.CACHES = {"default": cache}
    tokenauth(LOGIN_CHALLENGE="site.challenge")

    assert checks.second_steps_are_counted() == checks.second_steps_are_counted_once() == []


def test_e008_a_challenge_that_nothing_checks(tokenauth):
    tokenauth(LOGIN_CHALLENGE=lambda *_: None)
    assert ids(checks.second_steps_can_be_answered()) == ["E008"]

    tokenauth(LOGIN_VERIFY=lambda *_: True)
    assert checks.second_steps_can_be_answered() == []


@pytest.mark.parametrize("app", ["django_otp", "allauth.mfa"])
def test_w008_second_factors_that_nobody_asks_for(app, tokenauth, monkeypatch):
    assert checks.second_steps_are_asked_for() == []

    monkeypatch.setattr(checks.apps, "is_installed", lambda name: name == app)
    assert ids(checks.second_steps_are_asked_for()) == ["W008"]

    tokenauth(LOGIN_CHALLENGE=lambda *_: None)
    assert checks.second_steps_are_asked_for() == []
