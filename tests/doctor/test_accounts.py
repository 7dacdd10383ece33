"""What ends the tokens of an account that changes."""

import pytest

from tokenauth.doctor import accounts
from tokenauth.doctor.findings import Level
from tokenauth.revocation import account_triggers
from tokenauth.revocation.account_triggers import WhyNot

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_trigger_is_there_or_to_be_installed(triggers):
    (there,) = accounts.triggers()
    account_triggers.remove()
    (missing,) = accounts.triggers()

    assert there.level is Level.OK
    assert missing.level is Level.WARNING
    assert "tokenauth_triggers install" in missing.mend


def test_signals_by_choice_are_no_fault_but_are_told():
    (found,) = accounts.triggers()

    assert found.level is Level.OK
    assert "SQL at his next refresh" in found.text


@pytest.mark.parametrize("reason", [WhyNot.ELSEWHERE, WhyNot.VENDOR])
def test_where_there_can_be_none_it_says_why(monkeypatch, reason):
    monkeypatch.setattr(account_triggers, "why_not", lambda: reason)

    (found,) = accounts.triggers()

    assert found.level is Level.WARNING
    assert str(reason) in found.text
