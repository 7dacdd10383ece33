"""The triggers: what ends the tokens of an account that changes, and what guards the trail."""

from tokenauth.audit import append_only
from tokenauth.doctor.findings import Finding, ok, warning
from tokenauth.revocation import account_triggers
from tokenauth.revocation.account_triggers import WhyNot

_SIGNALS = "save() and delete() of a user end his tokens at once, update() and SQL at his next refresh"


def triggers() -> list[Finding]:
    """The mode, and why it is not the trigger; whether events are guarded."""
    return [*_of_accounts(), *_of_trail()]


def _of_trail() -> list[Finding]:
    if not append_only.is_wanted():
        return [ok("the trail has no guards here")]
    if append_only.is_current():
        return [ok("the guards of the trail are of this release")]
    text = "the guards of the trail are missing or of another release"
    return [warning(text, mend="Run 'manage.py tokenauth_triggers install'.")]


def _of_accounts() -> list[Finding]:
    reason = account_triggers.why_not()
    if reason is WhyNot.SETTING:
        return [ok(f"{reason}: {_SIGNALS}")]
    if reason is not None:
        mend = "Call flows.revoke() where accounts are changed so, or accept it: set TRIGGERS to 'off'."
        return [warning(f"{reason}: {_SIGNALS}", mend=mend)]
    if not account_triggers.has_tables():
        return [ok("the table of the users is not there yet")]
    if account_triggers.is_current():
        return [ok("the trigger on the table of the users is of this release")]
    text = f"the trigger is missing or of another release: {_SIGNALS}"
    return [warning(text, mend="Run 'manage.py tokenauth_triggers install'.")]
