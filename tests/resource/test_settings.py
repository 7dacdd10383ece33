"""What a service is told of its issuer: refused where it is wrong, and its secret never shown."""

import pytest
from pydantic import ValidationError

from tokenauth.resource import Settings
from tokenauth.resource.metadata import location

NEEDED = {"issuer": "https://issuer.test", "client_id": "orders-api", "client_secret": "tks_secret"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"issuer": "http://issuer.test"},
        {"issuer": "issuer.test"},
        {"issuer": "https://user:password@issuer.test"},
        {"feed_url": "http://issuer.test/feed"},
        {"client_secret": ""},
        {"source": "guess"},
        {"mode": "never"},
        {"bound": 0},
        {"bound": 61},
        {"unknown": 1},
    ],
)
def test_a_wrong_setting_is_refused_and_no_secret_is_shown(wrong):
    with pytest.raises(ValidationError) as refused:
        Settings(**{**NEEDED, **wrong})

    assert "tks_secret" not in str(refused.value)


@pytest.mark.parametrize("issuer", ["http://127.0.0.1:8000", "http://localhost", "http://[::1]:8000"])
def test_loopback_may_speak_plain_http(issuer):
    assert Settings(**{**NEEDED, "issuer": issuer}).may_call(issuer)


def test_beyond_loopback_it_has_to_be_said():
    assert Settings(**{**NEEDED, "issuer": "http://issuer.test", "allow_http": True})


def test_the_environment_gives_what_is_not_given_here():
    environ = {f"SHOP_{name.upper()}": value for name, value in NEEDED.items()}
    environ |= {"SHOP_AUDIENCES": "https://a.test https://b.test", "SHOP_BOUND": "2.5", "SHOP_SOURCE": ""}

    settings = Settings.from_environment("SHOP_", environ=environ, client_id="other-api")

    assert (settings.client_id, settings.bound, settings.source) == ("other-api", 2.5, "feed")
    assert settings.audiences == ("https://a.test", "https://b.test")
    assert "tks_secret" not in repr(settings)


@pytest.mark.parametrize(
    ("issuer", "where"),
    [
        ("https://issuer.test", "https://issuer.test/.well-known/oauth-authorization-server"),
        ("https://issuer.test/", "https://issuer.test/.well-known/oauth-authorization-server"),
        ("https://issuer.test/a/b", "https://issuer.test/.well-known/oauth-authorization-server/a/b"),
    ],
)
def test_the_metadata_stands_between_host_and_path(issuer, where):
    """RFC 8414 3"""
    assert location(issuer) == where
