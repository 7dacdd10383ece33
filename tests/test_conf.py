"""Settings: typed, read when used, errors with their path and without their value."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from tokenauth import conf


def test_a_changed_setting_counts_at_once(settings):
    settings.TOKENAUTH = {"ISSUER": "https://a.test", "LEEWAY": 5}
    first = conf.current()
    settings.TOKENAUTH = {"ISSUER": "https://b.test"}

    assert (first.LEEWAY, conf.current().LEEWAY, conf.current().ISSUER) == (5, 10, "https://b.test")


def test_the_account_audience_is_the_issuer_where_none_is_set(settings):
    settings.TOKENAUTH = {"ISSUER": "https://a.test"}

    assert conf.current().ACCOUNT_AUDIENCE == "https://a.test"


def test_a_wrong_value_is_named_and_not_shown(settings):
    settings.TOKENAUTH = {"ENCRYPTION_KEYS": {"secret-value": 1}, "LIMITS": {"introspect": 5}}

    with pytest.raises(ImproperlyConfigured) as failure:
        conf.current()

    assert "TOKENAUTH[ENCRYPTION_KEYS]" in str(failure.value)
    assert "TOKENAUTH[LIMITS.introspect]" in str(failure.value)
    assert "secret-value" not in str(failure.value)


def test_a_limit_that_cannot_be_read_is_named(settings):
    settings.TOKENAUTH = {"LIMITS": {"login_account": "10/min", "login_network": "60/minute"}}

    with pytest.raises(ImproperlyConfigured) as failure:
        conf.current()

    assert "TOKENAUTH[LIMITS.login_account]" in str(failure.value)
    assert "login_network" not in str(failure.value)


def test_keys_that_mean_nothing_are_found(settings):
    settings.TOKENAUTH = {"ISSUER": "https://a.test", "ISUER": "x", "POLICY": 1}

    assert conf.unknown_keys() == ["ISUER", "POLICY"]


def test_no_secret_is_in_a_repr(settings):
    settings.TOKENAUTH = {"ENCRYPTION_KEYS": ("very-secret",)}

    assert "very-secret" not in repr(conf.current())
