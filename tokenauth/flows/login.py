"""A first-party client logs a user in (PROTOCOL 5)."""

import logging
import unicodedata
from dataclasses import dataclass, field, replace
from typing import cast

from django.conf import settings as django_settings
from django.contrib.auth import load_backend
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.dispatch import Signal
from django.http import HttpRequest

from tokenauth.errors import Cause, Refused
from tokenauth.flows import challenge, passwords
from tokenauth.flows.asked import LoginAsked, Origin
from tokenauth.flows.challenge import Challenged, FirstStep
from tokenauth.flows.issue import granted_to, issue
from tokenauth.flows.outcomes import Issued
from tokenauth.flows.seen import Seen, before_authentication
from tokenauth.models import users
from tokenauth.models.client import Client
from tokenauth.observability import log
from tokenauth.policy.clients import KnownClient
from tokenauth.revocation.process import MIRROR
from tokenauth.risk import limits

#: Times that a login is tried because user or epochs moved meanwhile: each of the same user's logins that
#: run beside it may write him a better hash once.
ATTEMPTS = 6
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
    anything is hashed. A receiver of `user_logged_in` that raises is logged: the session is made already.
    """
    outcome = _limited(asked) or _logged_in(credentials, asked, request)
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
        The pair, or the cause; `OVERLOADED` where the cache that counts tries does not hold them. At
        most five tries a challenge, and one session; wrong ones count as failures of the account.

    Side effects: `user_logged_in` and `user_login_failed`, as at login.
    """
    outcome = _continued(answer, client, origin, request)
    if isinstance(outcome, Refused):
        _note_refusal(outcome, client, origin)
    return outcome


def _continued(
    answer: SecondStep, client: KnownClient, origin: Origin, request: HttpRequest
) -> Issued | Refused:
    if not may_log_in(client):
        return Refused(Cause.NOT_FIRST_PARTY)
    step = challenge.opened(answer.challenge, client=client)
    if step is None or answer.method not in step.methods:
        return Refused(Cause.CREDENTIALS)
    if (refused := limits.challenge_try(step.nonce)) is not None:
        return refused
    if limits.account_is_locked(step.account, known_device=step.known_device):
        return Refused(Cause.LOCKED)
    user = _user_of(step)
    if user is None or not challenge.credential_is(user, step.credential):
        return Refused(Cause.CREDENTIALS)
    if not challenge.verified(user, method=answer.method, response=answer.response, request=request):
        _note_wrong_response(step, request)
        return Refused(Cause.CREDENTIALS)
    return _answered_once(step, user, answer.method, client, origin, request)


def _answered_once(
    step: FirstStep,
    user: AbstractBaseUser,
    method: str,
    client: KnownClient,
    origin: Origin,
    request: HttpRequest,
) -> Issued | Refused:
    """Make the session of a challenge, for one of all who answer it at once."""
    if (refused := limits.take_challenge(step.nonce)) is not None:
        return refused
    asked = LoginAsked(
        client=client,
        device=step.device,
        scope=step.scope,
        audience=step.audience,
        key_was_sent=step.key_was_sent,
        origin=origin,
        acr=step.acr,
        amr=(PASSWORD, method),
    )
    outcome: Issued | Refused | None = None
    try:
        outcome = issue(user, asked=asked, backend=step.backend, seen=step.seen)
    finally:
        if not isinstance(outcome, Issued):
            limits.give_challenge_back(step.nonce)
    if isinstance(outcome, Issued):
        _note_success(step.account, step.known_device, user, request)
    return outcome


def _user_of(step: FirstStep) -> AbstractBaseUser | None:
    pk = users.pk_of(step.user_key)
    if pk is None or step.backend not in django_settings.AUTHENTICATION_BACKENDS:
        return None
    return cast("AbstractBaseUser | None", load_backend(step.backend).get_user(pk))


def _note_wrong_response(step: FirstStep, request: HttpRequest) -> None:
    limits.note_failure(step.account, known_device=step.known_device)
    _send(user_login_failed, sender=__name__, credentials={"username": step.account}, request=request)


def _note_success(
    account: str, known_device: str | None, user: AbstractBaseUser, request: HttpRequest
) -> None:
    limits.note_success(account, known_device=known_device)
    _send(user_logged_in, sender=type(user), request=request, user=user)


def _send(signal: Signal, *, sender: object, **named: object) -> None:
    """Tell the site; what its receivers raise is logged and changes no answer."""
    for receiver, result in signal.send_robust(sender=sender, **named):
        if isinstance(result, Exception):
            name = getattr(receiver, "__qualname__", type(receiver).__name__)
            log.note("receiver_failed", level=logging.ERROR, receiver=name, error=type(result).__name__)


def _note_refusal(refused: Refused, client: KnownClient, origin: Origin) -> None:
    log.note(
        "login_refused",
        level=logging.WARNING if refused.cause is Cause.LOCKED else logging.INFO,
        cause=refused.cause,
        client=client.client_id,
        address=origin.address,
    )


def _limited(asked: LoginAsked) -> Refused | None:
    """What is refused whoever asks, before the first query and before anything is hashed: else the
    answer would tell a right password."""
    if not may_log_in(asked.client):
        return Refused(Cause.NOT_FIRST_PARTY)
    if (unacceptable := _unacceptable(asked)) is not None:
        return unacceptable
    if (stale := MIRROR.stale()) is not None:
        return stale
    return limits.login_from(asked.origin.address)


def may_log_in(client: KnownClient) -> bool:
    """Whether a client is one of the site's own; a resource server checks tokens and never holds a family."""
    return client.first_party and client.kind != Client.Kind.RESOURCE


def _unacceptable(asked: LoginAsked) -> Refused | None:
    if asked.client.policy.device == "required" and asked.device.id is None:
        return Refused(Cause.MALFORMED)
    granted = granted_to(asked)
    return granted if isinstance(granted, Refused) else None


def _logged_in(
    credentials: Credentials, asked: LoginAsked, request: HttpRequest
) -> Issued | Challenged | Refused:
    asked = replace(asked, amr=asked.amr or (PASSWORD,))
    seen = _seen(credentials, asked)
    throttled = limits.login_of(credentials.username, known_device=_known_device(seen))
    if throttled is not None:
        return throttled
    for _ in range(ATTEMPTS):
        outcome = _attempt(credentials, asked, seen, request)
        if not isinstance(outcome, Overtaken):
            return outcome
        seen = _seen(credentials, asked)
    return Refused(Cause.CREDENTIALS)


@dataclass(frozen=True, slots=True)
class Overtaken:
    """While the password was hashed it got a better hash, or something really changed."""


def _attempt(
    credentials: Credentials, asked: LoginAsked, seen: Seen, request: HttpRequest
) -> Issued | Challenged | Refused | Overtaken:
    user = passwords.checked(
        credentials.username, credentials.password, known_device=_known_device(seen), request=request
    )
    if isinstance(user, Refused):
        return user
    backend = _backend_of(user)
    challenged = challenge.asked_for(
        user, account=credentials.username, asked=asked, seen=seen, backend=backend, request=request
    )
    if challenged is not None:
        return challenged
    outcome = issue(user, asked=asked, backend=backend, seen=seen)
    if isinstance(outcome, Issued):
        _note_success(credentials.username, _known_device(seen), user, request)
    return Overtaken() if outcome == Refused(Cause.CREDENTIALS) else outcome


def _seen(credentials: Credentials, asked: LoginAsked) -> Seen:
    return before_authentication(
        client_pk=asked.client.pk, username=credentials.username, device_id=asked.device.id
    )


def _known_device(seen: Seen) -> str | None:
    return str(seen.device.pk) if seen.device is not None else None


def _backend_of(user: AbstractBaseUser) -> str:
    # `authenticate` leaves the path of the backend that knew him on the user
    return str(user.backend)
