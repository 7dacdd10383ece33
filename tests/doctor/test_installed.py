"""The triggers of accounts and of the trail."""

import pytest

from tokenauth.audit import append_only
from tokenauth.doctor import installed
from tokenauth.doctor.findings import Level
from tokenauth.revocation import account_triggers
from tokenauth.revocation.account_triggers import WhyNot

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_trigger_is_there_or_to_be_installed(triggers):
    (there, _) = installed.triggers()
    account_triggers.remove()
    (missing, _) = installed.triggers()

    assert there.level is Level.OK
    assert missing.level is Level.WARNING
    assert "tokenauth_triggers install" in missing.mend


def test_signals_by_choice_are_no_fault_but_are_told():
    (found, _) = installed.triggers()

    assert found.level is Level.OK
    assert "SQL at his next refresh" in found.text


@pytest.mark.parametrize("reason", [WhyNot.ELSEWHERE, WhyNot.VENDOR])
def test_where_there_can_be_none_it_says_why(monkeypatch, reason):
    monkeypatch.setattr(account_triggers, "why_not", lambda: reason)

    (found, _) = installed.triggers()

    assert found.level is Level.WARNING
    assert str(reason) in found.text


def test_the_guards_of_the_trail_are_there_or_to_be_installed(triggers):
    append_only.install()
    (_, there) = installed.triggers()
    append_only.remove()
    (_, missing) = installed.triggers()

    assert there.level is Level.OK
    assert missing.level is Level.WARNING
    assert "tokenauth_triggers install" in missing.mend


def test_a_site_without_triggers_has_no_guards_and_is_told():
    (_, found) = installed.triggers()

    assert found.level is Level.OK
    assert found.text == "the trail has no guards here"
