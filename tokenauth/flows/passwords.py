"""Asking the site's backends for a password: at login, and in an account call that needs it again."""

from django.contrib.auth import authenticate
from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest

from tokenauth.errors import Cause, Refused
from tokenauth.risk import hashing, limits


def checked(
    account: str, password: str, *, known_device: str | None, request: HttpRequest | None
) -> AbstractBaseUser | Refused:
    """Ask the backends; a locked account costs the same work and is always refused.

    Args:
        account: The name as it was sent; what counts failures.
        password: Exactly as it was sent.
        known_device: Public id of the device, where it is one of that account's.
        request: What the backends are given; some refuse to work without one.
    Returns:
        The user, or `CREDENTIALS`, `LOCKED`, `OVERLOADED`. A success is noted by the caller, once
        nothing more can be wrong.

    Side effects: Django's `user_login_failed` by `authenticate`; the failure is counted.
    """
    locked = limits.account_is_locked(account, known_device=known_device)
    with hashing.slot() as got_one:
        if not got_one:
            return Refused(Cause.OVERLOADED, retry_after=1)
        user = authenticate(request, username=account, password=password)
    if locked:
        return Refused(Cause.LOCKED)
    if user is None:
        limits.note_failure(account, known_device=known_device)
        return Refused(Cause.CREDENTIALS)
    return user
