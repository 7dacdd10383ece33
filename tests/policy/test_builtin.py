"""The policies in force: REFERENCE T2 and a site's overrides."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from tokenauth.errors import UnknownPolicy
from tokenauth.policy import builtin


def with_policies(settings, policies):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "POLICIES": policies}


@pytest.mark.parametrize(
    ("name", "access", "idle", "absolute"),
    [
        ("browser", 300, 7 * 86_400, 30 * 86_400),
        ("mobile", 300, 14 * 86_400, 30 * 86_400),
        ("service", 300, 86_400, 30 * 86_400),
        ("high-security", 120, 3_600, 86_400),
    ],
)
def test_the_lifetimes_of_the_built_in_ones(name, access, idle, absolute):
    policy = builtin.named(name)

    assert (policy.access, policy.idle, policy.absolute) == (access, idle, absolute)


def test_the_empty_name_is_the_default():
    assert builtin.named("").name == "browser"


def test_an_override_changes_what_it_names_and_no_more(settings):
    with_policies(settings, {"browser": {"grace": 2}, "kiosk": {"base": "high-security", "proof": "none"}})

    assert (builtin.named("browser").grace, builtin.named("browser").idle) == (2, 7 * 86_400)
    assert (builtin.named("kiosk").access, builtin.named("kiosk").proof) == (120, "none")


@pytest.mark.parametrize(
    "wrong", [{"grace": -1}, {"grace": "long"}, {"nonsense": 1}, {"repeat": "always"}], ids=str
)
def test_a_wrong_override_is_named_with_its_path(settings, wrong):
    with_policies(settings, {"browser": wrong})

    with pytest.raises(ImproperlyConfigured, match=r"TOKENAUTH\[POLICIES\.browser\."):
        builtin.named("browser")


def test_an_unknown_policy_is_an_error():
    with pytest.raises(UnknownPolicy):
        builtin.named("nonsense")


@pytest.mark.parametrize(
    ("name", "with_key", "without"), [("browser", False, False), ("mobile", True, False)]
)
def test_a_family_is_exact_where_policy_and_login_say_so(name, with_key, without):
    policy = builtin.named(name)

    assert policy.makes_exact(key_was_sent=True) is with_key
    assert policy.makes_exact(key_was_sent=False) is without


def test_the_longest_access_lifetime_counts_overrides(settings):
    with_policies(settings, {"slow": {"access": 3_600}})

    assert builtin.longest_access() == 3_600


def test_a_policy_that_the_site_dropped_is_the_default_and_named_once(caplog, settings):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "DEFAULT_POLICY": "mobile"}

    assert [builtin.named_or_default(name).name for name in ("gone", "gone", "service")] == [
        "mobile",
        "mobile",
        "service",
    ]
    assert caplog.text.count("unknown_policy policy=gone") == 1
