"""Password hashes that logins have made better: two at once must not take each other for a change.

A mark says "this user's old hash became that new one"; it lives an hour, in the cache that counts. Where
the cache does not answer there is no mark, and an upgrade of a hash that is gone counts as a change.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from tokenauth.models.key import KeyPurpose
from tokenauth.risk import counters
from tokenauth.tokens.encoding import to_base64url
from tokenauth.tokens.keyring import KEYRING

#: Seconds.
_KEPT = 3600

_ALLOWED: ContextVar[bool] = ContextVar("tokenauth_reencoding", default=False)


@contextmanager
def allowed() -> Iterator[None]:
    """Let every hash that is saved meanwhile pass for a better one."""
    before = _ALLOWED.set(True)
    try:
        yield
    finally:
        _ALLOWED.reset(before)


def are_allowed() -> bool:
    """Whether hashes are being re-encoded here."""
    return _ALLOWED.get()


def note(user_key: str, *, old: str, new: str) -> None:
    """Mark that a login is about to store a better hash of the same password.

    Args:
        old: The hash that was checked.
        new: The hash that replaces it.
    """
    counters.take(_key(user_key, old, new), seconds=_KEPT)


def is_noted(user_key: str, *, old: str, new: str) -> bool:
    """Whether a login made `new` of `old` within the hour."""
    return bool(counters.value(_key(user_key, old, new)))


def note_looks(user_key: str, *, epoch: int, looks: bytes) -> None:
    """Mark that an account is about to look otherwise, by a better hash of the same password alone.

    Args:
        epoch: The account's: the mark counts until it moves.
    """
    counters.take(_key(user_key, str(epoch), looks.hex()), seconds=_KEPT)


def are_noted_looks(user_key: str, *, epoch: int, looks: bytes) -> bool:
    """Whether the account got these looks by a better hash, within the hour and this epoch."""
    return bool(counters.value(_key(user_key, str(epoch), looks.hex())))


def note_known(user_key: str, *, epoch: int, looks: bytes) -> None:
    """Mark that an account was stamped with these looks when a better hash replaced them: another login
    that read them before may still be about to replace them too."""
    counters.take(_key(user_key, "known", str(epoch), looks.hex()), seconds=_KEPT)


def were_known(user_key: str, *, epoch: int, looks: bytes) -> bool:
    """Whether a better hash replaced these looks, within the hour and this epoch."""
    return bool(counters.value(_key(user_key, "known", str(epoch), looks.hex())))


def _key(*facts: str) -> str:
    # keyed: whoever reads the cache learns nothing of a hash
    message = "|".join(("upgrade 1", *facts)).encode("utf-8", "surrogatepass")
    return f"tokenauth:{to_base64url(KEYRING.active(KeyPurpose.PRIVACY).mac(message)[:16])}"
