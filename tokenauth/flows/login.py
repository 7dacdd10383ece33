"""A first-party client logs a user in (PROTOCOL 5)."""

import logging
import unicodedata
from dataclasses import dataclass, field

from django.contrib.auth import authenticate
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.auth.signals import user_logged_in
from django.http import HttpRequest

from tokenauth.errors import Cause, Refused
from tokenauth.flows.asked import LoginAsked
from tokenauth.flows.issue import issue
from tokenauth.flows.outcomes import Issued
from tokenauth.flows.seen import Seen, before_authentication
from tokenauth.observability import log
from tokenauth.revocation.process import MIRROR
from tokenauth.risk import hashing, limits

#: Times that a login is tried again because user or epochs moved meanwhile.
ATTEMPTS = 2


@dataclass(frozen=True, slots=True)
class Credentials:
    """As the client sent them: the name normalised as Django's login form does, the password untouched."""

    username: str
    password: str = field(repr=False)

    @classmethod
    def sent(cls, username: str, password: str) -> "Credentials":
        return cls(unicodedata.normalize("NFKC", username), password)


def login(credentials: Credentials, *, asked: LoginAsked, request: HttpRequest) -> Issued | Refused:
    """Authenticate a user by the site's backends and make a family for him.

    Args:
        credentials: Name and password.
        asked: Client, device, scope and audience.
        request: What the backends and `user_logged_in` are given.
    Returns:
        The pair, or the cause. Unknown, wrong, inactive and locked are one answer after the same work.

    Side effects: Django's signals `user_logged_in` and `user_login_failed`; limits are counted before
    anything is hashed.
    """
    outcome = _limited(credentials, asked) or _logged_in(credentials, asked, request)
    if isinstance(outcome, Refused):
        log.note(
            "login_refused",
            level=logging.WARNING if outcome.cause is Cause.LOCKED else logging.INFO,
            cause=outcome.cause,
            client=asked.client.client_id,
            address=asked.origin.address,
        )
    return outcome


def _limited(credentials: Credentials, asked: LoginAsked) -> Refused | None:
    if not asked.client.first_party:
        return Refused(Cause.NOT_FIRST_PARTY)
    if (stale := MIRROR.stale()) is not None:
        return stale
    return limits.login(account=credentials.username, address=asked.origin.address)


def _logged_in(credentials: Credentials, asked: LoginAsked, request: HttpRequest) -> Issued | Refused:
    for _ in range(ATTEMPTS):
        seen = before_authentication(
            client_pk=asked.client.pk, username=credentials.username, device_id=asked.device.id
        )
        user = _authenticated(credentials, seen, request)
        if isinstance(user, Refused):
            return user
        outcome = issue(user, asked=asked, backend=_backend_of(user), seen=seen)
        if isinstance(outcome, Issued):
            user_logged_in.send(sender=type(user), request=request, user=user)
        if not isinstance(outcome, Refused) or outcome.cause is not Cause.CREDENTIALS:
            return outcome
        # overtaken while the password was hashed: by a better hash of it, or by a real change
    return outcome


def _authenticated(credentials: Credentials, seen: Seen, request: HttpRequest) -> AbstractBaseUser | Refused:
    """Ask the site's backends; a locked account costs the same work and is always refused."""
    known_device = str(seen.device[0]) if seen.device is not None else None
    locked = limits.account_is_locked(credentials.username, known_device=known_device)
    with hashing.slot() as got_one:
        if not got_one:
            return Refused(Cause.OVERLOADED, retry_after=1)
        user = authenticate(request, username=credentials.username, password=credentials.password)
    if locked:
        return Refused(Cause.LOCKED)
    if user is None:
        limits.note_failure(credentials.username, known_device=known_device)
        return Refused(Cause.CREDENTIALS)
    limits.note_success(credentials.username, known_device=known_device)
    return user


def _backend_of(user: AbstractBaseUser) -> str:
    # `authenticate` leaves the path of the backend that knew him on the user
    return str(user.backend)
