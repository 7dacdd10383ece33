"""Counting in the site's cache."""

from uuid import uuid4

import pytest

from tokenauth.errors import Cause
from tokenauth.risk import limits
from tokenauth.risk.networks import network_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def rates(settings):
    def set_rates(**changed):
        settings.TOKENAUTH = {**settings.TOKENAUTH, "LIMITS": changed}

    return set_rates


def test_a_window_counts_and_opens_again(rates, clock):
    rates(login_account="2/minute", login_network=None)
    outcomes = [limits.login_of("ada", known_device=None) for _ in range(3)]
    clock.shift(61)

    again = limits.login_of("ada", known_device=None)

    assert outcomes[:2] == [None, None]
    assert outcomes[2] is not None
    assert outcomes[2].cause is Cause.THROTTLED
    assert again is None


def test_accounts_do_not_share_a_count(rates):
    rates(login_account="1/minute", login_network=None)

    assert limits.login_of("ada", known_device=None) is None
    assert limits.login_of("bob", known_device=None) is None


def test_a_known_device_has_a_count_of_its_own(rates, clock):
    rates(login_account="1/minute")
    for _ in range(2):
        limits.login_of("ada", known_device=None)

    assert limits.login_of("ada", known_device="laptop") is None
    assert limits.login_of("ada", known_device="laptop").cause is Cause.THROTTLED


@pytest.mark.parametrize("spelling", ["ADA", " ada ", "\uff41da", "Ada"])
def test_spellings_of_one_name_share_a_count(rates, clock, spelling):
    rates(login_account="1/minute", login_network=None)
    limits.login_of("ada", known_device=None)

    assert limits.login_of(spelling, known_device=None) is not None


def test_neighbours_of_one_network_share_a_count_and_the_unknown_have_none(rates, clock):
    rates(login_account=None, login_network="1/minute")
    limits.login_from("192.0.2.1")

    assert limits.login_from("192.0.2.200") is not None
    assert limits.login_from("198.51.100.1") is None
    assert [limits.login_from(None) for _ in range(3)] == [None] * 3


def test_tokens_handed_back_are_counted_as_refreshes_are_and_apart(rates, clock):
    rates(refresh_network="1/minute")
    limits.refresh_from("192.0.2.1")

    assert limits.revocation_from("192.0.2.1") is None
    assert limits.revocation_from("192.0.2.1").cause is Cause.THROTTLED


def test_failures_lock_and_a_success_forgets_them(rates):
    rates(login_failures=2)
    for _ in range(2):
        limits.note_failure("ada", known_device=None)
    locked = limits.account_is_locked("ADA", known_device=None)
    known_device = limits.account_is_locked("ada", known_device="laptop")

    limits.note_success("ada", known_device=None)

    assert (locked, known_device) == (True, False)
    assert not limits.account_is_locked("ada", known_device=None)


def test_an_operator_unlocks_an_account_and_its_devices(rates, clock):
    rates(login_failures=1)
    laptop = uuid4()
    limits.note_failure("ada", known_device=None)
    limits.note_failure("Ada", known_device=str(laptop))

    limits.unlock("ada", known_devices=[laptop])

    assert not limits.account_is_locked("ada", known_device=None)
    assert not limits.account_is_locked("ada", known_device=str(laptop))


def test_the_trail_takes_one_refusal_of_a_family_and_presenter_an_hour(clock):
    family = uuid4()
    first = [limits.is_first_refusal_of(family, presenter="thief") for _ in range(3)]
    another = limits.is_first_refusal_of(family, presenter="other")
    clock.shift(3600)

    assert (first, another) == ([True, False, False], True)
    assert limits.is_first_refusal_of(family, presenter="thief")


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        (None, None),
    ],
)
def test_networks(address, network):
    assert network_of(address) == network


def test_limits_can_be_turned_off(rates):
    rates(login_account=None, login_network=None, login_failures=None)

    for _ in range(100):
        limits.note_failure("ada", known_device=None)
        assert limits.login_of("ada", known_device=None) is None
        assert limits.login_from("192.0.2.1") is None

    assert not limits.account_is_locked("ada", known_device=None)
