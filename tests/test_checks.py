"""Each check is provoked, and silent on a sound site."""

import pytest
from django.core import checks as django_checks

from tests.factories import ClientFactory
from tokenauth import checks
from tokenauth.models import Client
from tokenauth.revocation import account_triggers
from tokenauth.revocation.account_triggers import WhyNot

SESSIONS = "rest_framework.authentication.SessionAuthentication"
BASIC = "rest_framework.authentication.BasicAuthentication"
OURS = "tokenauth.api.authentication.TokenAuthentication"
DJANGOS = "django.core.cache.backends"
REDIS = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": "redis://127.0.0.1/0"}


def ids(found):
    return [message.id for message in found]


@pytest.fixture
def tokenauth(settings):
    def change(**changes):
        settings.TOKENAUTH = {**settings.TOKENAUTH, **changes}

    return change


def test_a_sound_site_is_silent(db):
    messages = django_checks.run_checks(databases=["default"], include_deployment_checks=False)

    assert [message for message in messages if (message.id or "").startswith("tokenauth")] == []


def test_e001_a_value_of_the_wrong_type(tokenauth):
    tokenauth(LEEWAY="long")

    assert ids(checks.settings_are_readable()) == ["tokenauth.E001"]
    assert checks.issuer_is_set() == []


def test_e002_no_issuer(settings):
    settings.TOKENAUTH = {}

    assert ids(checks.issuer_is_set()) == ["tokenauth.E002"]


@pytest.mark.parametrize("policy", [{"grace": "x"}, {"base": "nonsense"}, {"nonsense": 1}])
def test_e003_a_policy_that_cannot_be(tokenauth, policy):
    tokenauth(POLICIES={"mine": policy})

    assert ids(checks.policies_hold_together()) == ["tokenauth.E003"]


def test_e003_a_default_policy_that_is_none(tokenauth):
    tokenauth(DEFAULT_POLICY="nonsense")

    assert ids(checks.policies_hold_together()) == ["tokenauth.E003"]


def test_e004_no_grace_without_exact(tokenauth):
    tokenauth(POLICIES={"browser": {"grace": 0}})

    assert ids(checks.policies_hold_together()) == ["tokenauth.E004"]


def test_e005_a_proof_that_nobody_can_give(tokenauth):
    tokenauth(DEFAULT_POLICY="high-security")

    assert ids(checks.policies_hold_together()) == ["tokenauth.E005"]


def test_e006_a_key_that_signs_before_it_is_known(tokenauth):
    tokenauth(KEY_LIFETIME=86_400, LONGEST_CLIENT_CACHE=86_400)

    assert ids(checks.keys_are_announced_in_time()) == ["tokenauth.E006"]


def test_w001_keys_that_hang_on_secret_key(tokenauth):
    assert ids(checks.encryption_keys_are_own()) == ["tokenauth.W001"]

    tokenauth(ENCRYPTION_KEYS=["A" * 43])

    assert checks.encryption_keys_are_own() == []


def test_w002_a_key_that_means_nothing(tokenauth):
    tokenauth(ISUER="https://a.test")

    assert ids(checks.settings_are_known()) == ["tokenauth.W002"]


def test_w003_a_cache_for_each_process(settings):
    assert ids(checks.limits_are_shared()) == ["tokenauth.W003"]

    settings.CACHES = {"default": REDIS}

    assert checks.limits_are_shared() == []


@pytest.mark.parametrize("backend", ["db.DatabaseCache", "filebased.FileBasedCache"])
def test_w003_a_cache_that_loses_counts(settings, backend):
    settings.CACHES = {"default": {"BACKEND": f"{DJANGOS}.{backend}", "LOCATION": "counts"}}

    assert ids(checks.limits_are_shared()) == ["tokenauth.W003"]


def test_w003_a_cache_that_is_none(tokenauth):
    tokenauth(LIMITS_CACHE="nonsense")

    assert ids(checks.limits_are_shared()) == ["tokenauth.W003"]


def test_e007_a_second_step_whose_tries_nobody_counts(settings, tokenauth):
    settings.CACHES = {"default": {"BACKEND": f"{DJANGOS}.dummy.DummyCache"}}
    without = checks.second_steps_are_counted()
    tokenauth(LOGIN_CHALLENGE="site.challenge")

    assert without == []
    assert ids(checks.second_steps_are_counted()) == ["tokenauth.E007"]


@pytest.mark.parametrize("backend", ["locmem.LocMemCache", "filebased.FileBasedCache"])
def test_e007_a_second_step_whose_tries_processes_count_apart(settings, tokenauth, backend):
    settings.CACHES = {"default": {"BACKEND": f"{DJANGOS}.{backend}", "LOCATION": "x"}}
    tokenauth(LOGIN_CHALLENGE="site.challenge")

    assert checks.second_steps_are_counted() == []
    assert ids(checks.second_steps_are_counted_once()) == ["tokenauth.E007"]


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


def test_w004_sqlite_with_deferred_transactions(db, monkeypatch):
    class Deferred:
        vendor = "sqlite"
        settings_dict = {"OPTIONS": {}}

    monkeypatch.setattr(checks, "connections", {"default": Deferred()})

    assert ids(checks.sqlite_is_ready_for_two_at_once(databases=["default"])) == ["tokenauth.W004"]
    assert checks.sqlite_is_ready_for_two_at_once() == []


def test_w005_more_clients_than_a_process_should_hold(db, monkeypatch):
    monkeypatch.setattr(checks, "MOST_CLIENTS", 1)
    ClientFactory.create_batch(2)

    assert ids(checks.clients_fit_in_memory(databases=["default"])) == ["tokenauth.W005"]
    Client.objects.first().delete()
    assert checks.clients_fit_in_memory(databases=["default"]) == []


@pytest.mark.parametrize(
    ("classes", "mended"),
    [
        ([SESSIONS, OURS], [OURS, SESSIONS]),
        ([BASIC, SESSIONS, OURS], [OURS, BASIC, SESSIONS]),
        ([OURS, SESSIONS], None),
        ([OURS], None),
        ([SESSIONS, BASIC], None),
        ([], None),
        (["nowhere.to.be.Found", OURS], None),
    ],
)
def test_w006_another_class_gives_the_challenge(settings, classes, mended):
    settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": classes}

    found = checks.expired_tokens_are_401()

    assert ids(found) == (["tokenauth.W006"] if mended else [])
    assert [message.hint for message in found] == ([f"Set it to {mended!r}."] if mended else [])


@pytest.mark.django_db(transaction=True)
def test_w007_the_trigger_is_missing(triggers):
    assert checks.account_changes_are_seen(databases=["default"]) == []

    account_triggers.remove()

    found = checks.account_changes_are_seen(databases=["default"])
    assert ids(found) == ["tokenauth.W007"]
    assert "tokenauth_triggers install" in found[0].hint
    assert checks.account_changes_are_seen(databases=None) == []


@pytest.mark.parametrize("reason", [WhyNot.ELSEWHERE, WhyNot.VENDOR])
def test_w007_there_can_be_no_trigger(reason, monkeypatch):
    monkeypatch.setattr(account_triggers, "why_not", lambda: reason)

    found = checks.account_changes_are_seen(databases=["default"])

    assert ids(found) == ["tokenauth.W007"]
    assert str(reason) in found[0].msg


def test_e008_a_challenge_that_nothing_checks(tokenauth):
    tokenauth(LOGIN_CHALLENGE=lambda *_: None)
    assert ids(checks.second_steps_can_be_answered()) == ["tokenauth.E008"]

    tokenauth(LOGIN_VERIFY=lambda *_: True)
    assert checks.second_steps_can_be_answered() == []


@pytest.mark.parametrize("app", ["django_otp", "allauth.mfa"])
def test_w008_second_factors_that_nobody_asks_for(app, tokenauth, monkeypatch):
    assert checks.second_steps_are_asked_for() == []

    monkeypatch.setattr(checks.apps, "is_installed", lambda name: name == app)
    assert ids(checks.second_steps_are_asked_for()) == ["tokenauth.W008"]

    tokenauth(LOGIN_CHALLENGE=lambda *_: None)
    assert checks.second_steps_are_asked_for() == []


def test_e009_times_without_zones(settings):
    settings.USE_TZ = False

    assert ids(checks.times_have_zones()) == ["tokenauth.E009"]


def test_e030_a_database_that_no_router_leads_to(tokenauth):
    tokenauth(DATABASE="nowhere")

    assert ids(checks.the_models_lie_where_the_setting_says()) == ["tokenauth.E030"]


def test_e030_a_router_that_leads_elsewhere(tokenauth, settings):
    settings.DATABASE_ROUTERS = ["tests.test_checks.LeadsElsewhere"]
    tokenauth(DATABASE="default")

    assert ids(checks.the_models_lie_where_the_setting_says()) == ["tokenauth.E030"]
    settings.DATABASE_ROUTERS = ["tokenauth.routers.OwnDatabase", "tests.test_checks.LeadsElsewhere"]
    assert checks.the_models_lie_where_the_setting_says() == []


class LeadsElsewhere:
    def db_for_read(self, model, **hints):
        return "other"

    db_for_write = db_for_read
