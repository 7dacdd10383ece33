"""Login: limits before work, one answer for whatever is wrong, twins that upgrade a hash together."""

import time

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.auth.signals import user_logged_in
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.crowd import at_once
from tests.factories import PASSWORD, ClientFactory, UserFactory
from tests.flows.logins import try_login
from tests.sessions import Session, known, why_refused
from tokenauth.errors import Cause, Refused
from tokenauth.flows.asked import Asked
from tokenauth.flows.outcomes import Issued, Rotated
from tokenauth.flows.rotate import rotate
from tokenauth.models import RevocationOrder, TokenFamily

pytestmark = pytest.mark.django_db

PREFERRED = f"{__name__}.SlowMD5"


class SlowMD5(MD5PasswordHasher):
    """Preferred to plain MD5, and slow enough that logins meet while they hash."""

    algorithm = "slow_md5"

    def encode(self, password, salt):
        time.sleep(0.02)
        return super().encode(password, salt)


@pytest.fixture
def rates(settings):
    def set_rates(**changed):
        settings.TOKENAUTH = {**settings.TOKENAUTH, "LIMITS": {"login_account": None, **changed}}

    return set_rates


@pytest.fixture
def hashes(monkeypatch):
    """How often a password was hashed."""
    counted = []
    real = ModelBackend.authenticate

    def authenticate(self, *args, **kwargs):
        counted.append(1)
        return real(self, *args, **kwargs)

    monkeypatch.setattr(ModelBackend, "authenticate", authenticate)
    return counted


def device_of(outcome):
    assert isinstance(outcome, Issued), outcome
    return str(outcome.pair.device_id)


def test_strangers_do_not_keep_an_owner_out_who_is_on_his_device(rates, clock):
    user, web = UserFactory(), ClientFactory()
    laptop = device_of(try_login(user.username, web))
    rates(login_account="10/minute")
    for n in range(11):
        try_login(user.username, web, password="wrong", address=f"203.0.{n}.7")

    owner = try_login(user.username, web, device=laptop, address="192.0.2.1")
    stranger = try_login(user.username, web, address="203.0.113.9")

    assert isinstance(owner, Issued)
    assert stranger.cause is Cause.THROTTLED


def test_a_network_pays_before_the_first_query(rates, clock):
    user, web = UserFactory(), ClientFactory()
    rates(login_network="1/minute")
    asked = {"address": "192.0.2.1"}
    try_login(user.username, web, **asked)
    known(web)

    with CaptureQueriesContext(
        connection,
    ) as queries:
        refused = try_login(user.username, web, **asked)

    about_users = [query for query in queries.captured_queries if "auth_user" in query["sql"]]
    assert (refused.cause, about_users) == (Cause.THROTTLED, [])


@pytest.mark.parametrize(
    ("asked", "cause"),
    [({"scope": "orders:read admin"}, Cause.SCOPE), ({"audience": ("https://else.test",)}, Cause.AUDIENCE)],
)
@pytest.mark.parametrize("password", [PASSWORD, "wrong"])
def test_a_grant_beyond_the_clients_tells_nothing_of_the_password(hashes, asked, cause, password):
    user, web = UserFactory(), ClientFactory()

    assert try_login(user.username, web, password=password, **asked).cause is cause
    assert hashes == []


@pytest.mark.parametrize("password", [PASSWORD, "wrong"])
def test_a_missing_device_tells_nothing_of_the_password(settings, hashes, password):
    settings.TOKENAUTH = {
        **settings.TOKENAUTH,
        "POLICIES": {"bound": {"base": "browser", "device": "required"}},
    }
    user, web = UserFactory(), ClientFactory(policy="bound")

    assert try_login(user.username, web, password=password).cause is Cause.MALFORMED
    assert hashes == []


def test_a_resource_server_logs_nobody_in():
    user, server = UserFactory(), ClientFactory(kind="resource", first_party=True)

    assert try_login(user.username, server) == Refused(Cause.NOT_FIRST_PARTY)


def test_a_receiver_that_raises_costs_no_login(caplog):
    def broken(**kwargs):
        raise RuntimeError("a site's receiver")

    user_logged_in.connect(broken)
    try:
        outcome = try_login(UserFactory().username, ClientFactory())
    finally:
        user_logged_in.disconnect(broken)

    assert isinstance(outcome, Issued)
    assert "receiver_failed" in caplog.text
    assert "error=RuntimeError" in caplog.text


def test_a_client_whose_policy_is_gone_gets_the_default(caplog):
    user, web = UserFactory(), ClientFactory(policy="gone")

    outcome = try_login(user.username, web)

    assert isinstance(outcome, Issued)
    assert TokenFamily.objects.get().policy == "browser"
    assert "unknown_policy policy=gone" in caplog.text


@pytest.mark.parametrize("address", ["192.0.2.1", None])
def test_a_cache_that_is_away_costs_no_login_and_no_refresh(settings, address):
    user, web = UserFactory(), ClientFactory()
    settings.TOKENAUTH = {**settings.TOKENAUTH, "LIMITS": {}}
    settings.CACHES = {"default": {"BACKEND": "tests.risk.test_counters.Broken"}}

    outcome = try_login(user.username, web, address=address)

    assert isinstance(outcome, Issued)
    assert isinstance(rotate(outcome.pair.refresh_token, asked=Asked(client=known(web))), Rotated)


@pytest.mark.django_db(transaction=True)
def test_logins_at_once_that_all_upgrade_the_hash_all_live(settings):
    user, web = UserFactory(), ClientFactory()
    before = Session(user, web, try_login(user.username, web).pair)
    settings.PASSWORD_HASHERS = [PREFERRED, "django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.TOKENAUTH = {**settings.TOKENAUTH, "HASHES_AT_ONCE": None}
    known(web)

    outcomes = at_once([lambda: try_login(user.username, web)] * 4)

    assert [type(outcome) for outcome in outcomes] == [Issued] * 4, outcomes
    assert get_user_model().objects.get(pk=user.pk).password.startswith("slow_md5$")
    assert [why_refused(outcome.pair.access_token) for outcome in outcomes] == [None] * 4
    assert before.accepts()
    assert not RevocationOrder.objects.exists()
