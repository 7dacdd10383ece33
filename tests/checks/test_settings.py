"""The settings themselves."""

import pytest

from tests.checks.found import ids
from tokenauth.checks import settings as checks


def test_e001_a_value_of_the_wrong_type(tokenauth):
    assert checks.settings_are_readable() == []

    tokenauth(LEEWAY="long")

    assert ids(checks.settings_are_readable()) == ["E001"]
    assert checks.issuer_is_set() == []


def test_e002_no_issuer(settings):
    assert checks.issuer_is_set() == []

    settings.TOKENAUTH = {}

    assert ids(checks.issuer_is_set()) == ["E002"]


def test_e009_times_without_zones(settings):
    assert checks.times_have_zones() == []

    settings.USE_TZ = False

    assert ids(checks.times_have_zones()) == ["E009"]


@pytest.mark.parametrize(
    "issuer",
    [
        "example.com",
        "http://example.com",
        "https://",
        "https://example.com?tenant=1",
        "https://example.com#top",
        "https://user:password@example.com",
        "https://[example.com",
        "ftp://example.com",
    ],
)
def test_e012_an_issuer_that_is_none(tokenauth, issuer):
    tokenauth(ISSUER=issuer)

    found = checks.issuer_is_one()

    assert ids(found) == ["E012"]
    assert "password" not in f"{found[0].msg}{found[0].hint}"


@pytest.mark.parametrize(
    "issuer", ["https://example.com", "https://example.com/auth", "http://127.0.0.1:8000", "http://localhost"]
)
def test_e012_is_silent_on_an_issuer(tokenauth, issuer):
    tokenauth(ISSUER=issuer)

    assert checks.issuer_is_one() == []


def test_w002_a_key_that_means_nothing(tokenauth):
    assert checks.settings_are_known() == []

    tokenauth(ISUER="https://a.test")

    assert ids(checks.settings_are_known()) == ["W002"]
