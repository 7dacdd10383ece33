"""The cache that counts."""

import pytest

from tests.checks.found import ids
from tokenauth.checks import limits as checks

REDIS = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": "redis://127.0.0.1/0"}


def test_w003_a_cache_for_each_process(settings):
    assert ids(checks.limits_are_shared()) == ["W003"]

    settings.CACHES = {"default": REDIS}

    assert checks.limits_are_shared() == []


@pytest.mark.parametrize("backend", ["db.DatabaseCache", "filebased.FileBasedCache"])
def test_w003_a_cache_that_loses_counts(settings, backend):
    settings.CACHES = {"default": {"BACKEND": f"django.core.cache.backends.{backend}", "LOCATION": "counts"}}

    assert ids(checks.limits_are_shared()) == ["W003"]


def test_w003_a_cache_that_is_none(tokenauth):
    tokenauth(LIMITS_CACHE="nonsense")

    assert ids(checks.limits_are_shared()) == ["W003"]
