"""The stored keys: of each purpose one that is in use, opens, and is not too old."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from django.utils import timezone

from tokenauth import conf
from tokenauth.doctor.findings import Finding, error, ok, warning
from tokenauth.flows import housekeeping, keys
from tokenauth.flows.keys import Listed
from tokenauth.models.key import KeyPurpose, KeyState
from tokenauth.tokens import records

_SEE = "See docs/reference/checks.md#e010."


def states() -> list[Finding]:
    """One finding for each purpose, and one for each thing that is wrong with it."""
    listed, at = keys.listing(), timezone.now()
    if not listed:
        return [ok("none yet: the first need makes them")]
    found: list[Finding] = []
    for purpose in KeyPurpose:
        of_purpose = [key for key in listed if key.purpose == purpose]
        wrong = [*_wrong(purpose, of_purpose, at)]
        found += wrong or [ok(f"{purpose}: {_in_words(of_purpose, at)}")]
    return found


def _wrong(purpose: KeyPurpose, held: Sequence[Listed], at: datetime) -> Iterator[Finding]:
    closed = [key for key in held if key.wrapped == "not opened"]
    for key in closed:
        yield error(f"{purpose} key {key.kid} ({key.state}) does not open", mend=_SEE)
    if any(key.wrapped == "older" for key in held):
        mend = "Run 'manage.py tokenauth_keys rewrap' before that one leaves the settings."
        yield warning(f"{purpose}: sealed by an older wrapping key than the first", mend=mend)
    states = {key.state for key in held}
    if held and KeyState.ACTIVE not in states and not closed:
        yield warning(f"{purpose}: none is active", mend="The next need makes one; 'tokenauth_keys list'.")
    if held and purpose in records.WITH_NEXT and KeyState.NEXT not in states:
        mend = f"Run 'manage.py tokenauth_keys new {purpose}': it is announced before it signs."
        yield warning(f"{purpose}: no next key", mend=mend)
    yield from (_aged(key) for key in held if _is_overdue(key, at))


def _aged(key: Listed) -> Finding:
    mend = "Run 'manage.py tokenauth_run rotate_keys', and see why nothing else does."
    return warning(f"access key {key.kid} signs for longer than KEY_LIFETIME", mend=mend)


def _is_overdue(key: Listed, at: datetime) -> bool:
    # until the job comes round it may be a little older
    most = conf.current().KEY_LIFETIME + 2 * housekeeping.JOBS["rotate_keys"].every
    if key.purpose != KeyPurpose.ACCESS or key.state != KeyState.ACTIVE:
        return False
    return _since(key) + timedelta(seconds=most) <= at


def _in_words(held: Sequence[Listed], at: datetime) -> str:
    if not held:
        return "none yet: the first need makes it"
    counted = Counter(key.state for key in held)
    words = [f"{counted[state]} {state}" for state in KeyState if state in counted]
    active = next((key for key in held if key.state == KeyState.ACTIVE), None)
    return f"{', '.join(words)}{_age(active, at) if active else ''}"


def _age(active: Listed, at: datetime) -> str:
    of = f" of {conf.current().KEY_LIFETIME // 86_400}" if active.purpose == KeyPurpose.ACCESS else ""
    return f"; in use for {(at - _since(active)).days}{of} days"


def _since(key: Listed) -> datetime:
    return key.activated_at or key.created_at
