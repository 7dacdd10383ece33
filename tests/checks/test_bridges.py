"""Other apps that ask tokenauth for tokens."""

import sys
from types import ModuleType

import pytest

from tests.checks.found import ids
from tokenauth.checks import bridges as checks

OURS = "tokenauth.contrib.allauth.TokenStrategy"
THEIRS = "shop.strategies.Theirs"


@pytest.fixture
def strategy(settings, monkeypatch):
    """Sets allauth's token strategy, on a site that has allauth's headless API."""
    monkeypatch.setattr(checks.apps, "is_installed", lambda name: name == "allauth.headless")
    bridge = ModuleType("tokenauth.contrib.allauth")
    bridge.TokenStrategy = type("TokenStrategy", (), {"__module__": bridge.__name__})
    site = ModuleType("shop.strategies")
    site.Own = type("Own", (bridge.TokenStrategy,), {"__module__": site.__name__})
    site.Theirs = type("Theirs", (), {"__module__": "allauth.headless.tokens.strategies.sessions"})
    for module in (bridge, site, ModuleType("shop")):
        monkeypatch.setitem(sys.modules, module.__name__, module)

    def choose(path):
        settings.HEADLESS_TOKEN_STRATEGY = path

    return choose


@pytest.mark.parametrize("path", [OURS, "shop.strategies.Own"])
def test_w016_allauth_asks_for_tokens_that_no_client_may_have(strategy, tokenauth, path):
    strategy(path)
    assert ids(checks.somebody_may_log_in_through_allauth()) == ["W016"]

    tokenauth(ALLAUTH_CLIENTS=["phone"])
    assert checks.somebody_may_log_in_through_allauth() == []


@pytest.mark.parametrize("path", ["", THEIRS, "nowhere.at_all.Strategy"])
def test_w016_is_silent_where_allauth_asks_another(strategy, path):
    strategy(path)

    assert checks.somebody_may_log_in_through_allauth() == []


def test_w016_is_silent_without_allauth(settings):
    settings.HEADLESS_TOKEN_STRATEGY = OURS

    assert checks.somebody_may_log_in_through_allauth() == []
