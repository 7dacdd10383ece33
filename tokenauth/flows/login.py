"""A first-party client logs a user in (PROTOCOL 5)."""

import logging
import unicodedata
from dataclasses import dataclass, field, replace
from typing import cast

from django.conf import settings as django_settings
from django.contrib.auth import authenticate, load_backend
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.auth.signals import user_logged_in
from django.http import HttpRequest

from tokenauth.errors import Cause, Refused
from tokenauth.flows import challenge
from tokenauth.flows.asked import LoginAsked, Origin
from tokenauth.flows.challenge import Challenged, FirstStep
from tokenauth.flows.issue import issue
from tokenauth.flows.outcomes import Issued
from tokenauth.flows.seen import Seen, before_authentication
from tokenauth.models import users
from tokenauth.observability import log
from tokenauth.policy.clients import KnownClient
from tokenauth.revocation.process import MIRROR
from tokenauth.risk import hashing, limits

#: Times that a login is tried again because user or epochs moved meanwhile.
ATTEMPTS = 2
#: RFC 8176.
PASSWORD = "pwd"  # noqa: S105 - the name of a method


@dataclass(frozen=True, slots=True)
class Credentials:
    """As the client sent them: the name normalised as Django's login form does, the password untouched."""

    username: str
    password: str = field(repr=False)

    @classmethod
    def sent(cls, username: str, password: str) -> "Credentials":
        return cls(unicodedata.normalize("NFKC", username), password)


@dataclass(frozen=True, slots=True)
class SecondStep:
    """What a client sends to finish a challenged login."""

    challenge: str = field(repr=False)
    method: str
    response: str = field(repr=False)


def login(
    credentials: Credentials, *, asked: LoginAsked, request: HttpRequest
) -> Issued | Challenged | Refused:
    """Authenticate a user by the site's backends and make a family for him.

    Args:
        credentials: Name and password.
        asked: Client, device, scope and audience.
        request: What the backends and `user_logged_in` are given.
    Returns:
        The pair, what LOGIN_CHALLENGE asks for beyond the password, or the cause. Unknown, wrong,
        inactive and locked are one answer after the same work.

    Side effects: Django's signals `user_logged_in` and `user_login_failed`; limits are counted before
    anything is hashed.
    """
    outcome = _limited(credentials, asked) or _logged_in(credentials, asked, request)
    if isinstance(outcome, Refused):
        _note_refusal(outcome, asked.client, asked.origin)
    return outcome


def continue_login(
    answer: SecondStep, *, client: KnownClient, origin: Origin, request: HttpRequest
) -> Issued | Refused:
    """Finish a login that was challenged: with what the first step saw, so that no revocation in
    between is overtaken.

    Args:
        answer: The challenge, and the user's response by one of its methods.
        client: The authenticated client; it must be the one that was challenged.
        origin: Where the second step came from.
        request: What LOGIN_VERIFY and `user_logged_in` are given.
    Returns:
        The pair, or `Refused(CREDENTIALS)` for whatever is wrong. At most five tries a challenge, and
        one success.
    """
    outcome = _continued(answer, client, origin, request)
    if isinstance(outcome, Refused):
        _note_refusal(outcome, client, origin)
    return outcome


def _continued(
    answer: SecondStep, client: KnownClient, origin: Origin, request: HttpRequest
) -> Issued | Refused:
    step = challenge.opened(answer.challenge, client=client)
    if step is None or answer.method not in step.methods or limits.challenge_is_exhausted(step.nonce):
        return Refused(Cause.CREDENTIALS)
    user = _user_of(step)
    if user is None or not challenge.credential_is(user, step.credential):
        return Refused(Cause.CREDENTIALS)
    if not challenge.verified(user, method=answer.method, response=answer.response, request=request):
        return Refused(Cause.CREDENTIALS)
    limits.use_up_challenge(step.nonce)
    asked = LoginAsked(
        client=client,
        device=step.device,
        scope=step.scope,
        audience=step.audience,
        key_was_sent=step.key_was_sent,
        origin=origin,
        acr=step.acr,
        amr=(PASSWORD, answer.method),
    )
    answered = False
    try:
        outcome = issue(user, asked=asked, backend=step.backend, seen=step.seen)
        if isinstance(outcome, Issued):
            user_logged_in.send(sender=type(user), request=request, user=user)
        answered = not isinstance(outcome, Refused) or outcome.retry_after is None
    finally:
        if not answered:  # the same request may be sent again
            limits.give_challenge_back(step.nonce)
    return outcome


def _user_of(step: FirstStep) -> AbstractBaseUser | None:
    pk = users.pk_of(step.user_key)
    if pk is None or step.backend not in django_settings.AUTHENTICATION_BACKENDS:
        return None
    return cast("AbstractBaseUser | None", load_backend(step.backend).get_user(pk))


def _note_refusal(refused: Refused, client: KnownClient, origin: Origin) -> None:
    log.note(
        "login_refused",
        level=logging.WARNING if refused.cause is Cause.LOCKED else logging.INFO,
        cause=refused.cause,
        client=client.client_id,
        address=origin.address,
    )


def _limited(credentials: Credentials, asked: LoginAsked) -> Refused | None:
    if not asked.client.first_party:
        return Refused(Cause.NOT_FIRST_PARTY)
    if (stale := MIRROR.stale()) is not None:
        return stale
    return limits.login(account=credentials.username, address=asked.origin.address)


def _logged_in(
    credentials: Credentials, asked: LoginAsked, request: HttpRequest
) -> Issued | Challenged | Refused:
    asked = replace(asked, amr=asked.amr or (PASSWORD,))
    for _ in range(ATTEMPTS):
        seen = before_authentication(
            client_pk=asked.client.pk, username=credentials.username, device_id=asked.device.id
        )
        user = _authenticated(credentials, seen, request)
        if isinstance(user, Refused):
            return user
        backend = _backend_of(user)
        challenged = challenge.asked_for(user, asked=asked, seen=seen, backend=backend, request=request)
        if challenged is not None:
            return challenged
        outcome = issue(user, asked=asked, backend=backend, seen=seen)
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
