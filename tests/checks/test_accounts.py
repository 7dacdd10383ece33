"""Changes of accounts."""

import pytest

from tests.checks.found import ids
from tokenauth.checks import accounts as checks
from tokenauth.revocation import account_triggers
from tokenauth.revocation.account_triggers import WhyNot


@pytest.mark.django_db(transaction=True)
def test_w007_the_trigger_is_missing(triggers):
    assert checks.account_changes_are_seen(databases=["default"]) == []

    account_triggers.remove()

    found = checks.account_changes_are_seen(databases=["default"])
    assert ids(found) == ["W007"]
    assert "tokenauth_triggers install" in found[0].hint
    assert checks.account_changes_are_seen(databases=None) == []


@pytest.mark.parametrize("reason", [WhyNot.ELSEWHERE, WhyNot.VENDOR])
def test_w007_there_can_be_no_trigger(reason, monkeypatch):
    monkeypatch.setattr(account_triggers, "why_not", lambda: reason)

    found = checks.account_changes_are_seen(databases=["default"])

    assert ids(found) == ["W007"]
    assert str(reason) in found[0].msg
