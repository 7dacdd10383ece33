"""What ends the tokens of an account that changes."""

from tokenauth.doctor.findings import Finding, ok, warning
from tokenauth.revocation import account_triggers
from tokenauth.revocation.account_triggers import WhyNot

_SIGNALS = "save() and delete() of a user end his tokens at once, update() and SQL at his next refresh"


def triggers() -> list[Finding]:
    """The mode, and why it is not the trigger."""
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
