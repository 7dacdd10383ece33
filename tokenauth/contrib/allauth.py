"""A token strategy for django-allauth's headless app clients: allauth logs in, tokenauth issues.

    HEADLESS_TOKEN_STRATEGY = "tokenauth.contrib.allauth.TokenStrategy"
    TOKENAUTH = {"ALLAUTH_CLIENTS": ["phone"], ...}

An allauth session belongs to the family that its login made: it ends with the family, and logging out
of it ends the family.
"""

import hmac
import logging
from collections.abc import Mapping
from importlib import import_module
from typing import Any, cast
from uuid import UUID

from allauth.account.internal.stagekit import get_pending_stage
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.headless.internal.restkit.response import APIResponse
from allauth.headless.tokens.strategies.base import AbstractTokenStrategy
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.contrib.auth.signals import user_logged_out
from django.contrib.sessions.backends.base import SessionBase
from django.dispatch import receiver
from django.http import HttpRequest, JsonResponse
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from tokenauth import conf
from tokenauth.api import errors, parameters
from tokenauth.api.address import origin_of
from tokenauth.api.authentication import TokenAuthentication
from tokenauth.api.errors import StaleMirror
from tokenauth.api.parameters import BadRequest, Parameters
from tokenauth.api.views.answers import token_response
from tokenauth.errors import Cause, Refused
from tokenauth.flows import account_changes, standing
from tokenauth.flows.account_changes import Looks
from tokenauth.flows.asked import Asked, DeviceAsked, LoginAsked
from tokenauth.flows.challenge import credential_is, credential_of
from tokenauth.flows.issue import issue
from tokenauth.flows.moment import Moment
from tokenauth.flows.outcomes import Issued, TokenPair
from tokenauth.flows.revoke import revoke
from tokenauth.flows.rotate import rotate
from tokenauth.flows.seen import Seen, before_authentication
from tokenauth.models import TokenFamily, users
from tokenauth.models.account import AccountState
from tokenauth.models.client import Client
from tokenauth.observability import log
from tokenauth.policy.clients import DIRECTORY, KnownClient
from tokenauth.revocation.process import MIRROR
from tokenauth.revocation.subjects import OfFamily
from tokenauth.tokens import refresh
from tokenauth.tokens.claims import AccessClaims
from tokenauth.tokens.keyring import KEYRING, database

#: Names one of `ALLAUTH_CLIENTS`; without it a login is the first one's.
CLIENT_HEADER = "X-Tokenauth-Client"
#: The client's own installation id, or the device id of an earlier answer.
DEVICE_HEADER = "X-Tokenauth-Device"
#: In an allauth session: the family that its login made.
FAMILY = "_tokenauth_family"
#: In an allauth session that still waits for another step: what the first one saw.
FIRST_STEP = "_tokenauth_first_step"

_TOKEN = "_tokenauth_session_token"  # noqa: S105 - the name of an attribute
_SEEN = "_tokenauth_seen"
_PAYLOAD = "_tokenauth_payload"


class TokenStrategy(AbstractTokenStrategy):  # type: ignore[misc]
    """A login through allauth makes one of our families; the app goes on with its tokens alone."""

    def get_session_token(self, request: HttpRequest) -> str | None:
        """Return the session token of a request, or the one that its access token stands for.

        Raises:
            ImmediateHttpResponse: 503, nobody can tell whether the access token was revoked.
        """
        if not hasattr(request, _TOKEN):  # asked for the session, and again for the answer
            shown = super().get_session_token(request)
            setattr(request, _TOKEN, shown or _session_of_access_token(request))
            _see(request)
        token: str | None = getattr(request, _TOKEN)
        return token

    def lookup_session(self, session_token: str) -> SessionBase | None:
        """Return the session of a token; None where it, or the family it belongs to, has ended."""
        session = _stored(session_token)
        family_id = session.get(FAMILY) if session is not None else None
        return session if family_id is None or _is_alive(UUID(family_id)) else None

    def create_session_token(self, request: HttpRequest) -> str:
        """Return the session's key, and keep what the first step of a login saw in the session."""
        if not request.session.session_key:
            request.session.save()
        _keep_first_step(request)
        return str(request.session.session_key)

    def create_access_token_payload(self, request: HttpRequest) -> dict[str, Any]:
        """Make a family for whoever just logged in, and tie the session to it.

        Raises:
            ImmediateHttpResponse: The login is refused: no client that may, or it was overtaken by a
                revocation. The session is empty then.
        """
        payload: dict[str, Any] | None = getattr(request, _PAYLOAD, None)
        if payload is None:  # allauth may put several answers together before it sends one
            pair = _issued(request)
            payload = {**token_response(pair).data, "session_token": _tied_session(request, pair)}
            setattr(request, _PAYLOAD, payload)
        return payload

    def refresh_token(self, refresh_token: str) -> tuple[str, str] | None:
        """Rotate: what allauth's own refresh endpoint calls. It knows of no client, device or
        Idempotency-Key: the token's own client counts, if it is one of `ALLAUTH_CLIENTS`.

        Raises:
            ImmediateHttpResponse: 429 or 503, the same request may be sent again.
        """
        client = _client_of(refresh_token)
        if client is None:
            return None
        outcome = rotate(refresh_token, asked=Asked(client=client))
        if not isinstance(outcome, Refused):
            return outcome.pair.access_token, outcome.pair.refresh_token
        if outcome.retry_after is not None or outcome.is_throttled:
            raise _refusal(outcome)
        return None


@receiver(user_logged_out, dispatch_uid="tokenauth.contrib.allauth.logged_out")
def logged_out(sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
    """End the family of an allauth session with the session."""
    family_id = getattr(request, "session", {}).get(FAMILY)
    if family_id is not None and user is not None:
        revoke(OfFamily(UUID(family_id)), cause=Cause.LOGGED_OUT, actor=users.key_of(user))


def _claims_of(request: HttpRequest) -> AccessClaims | None:
    try:
        # what it reads of a request, Django's has too
        found = TokenAuthentication().authenticate(cast("Request", request))
    except StaleMirror:
        raise _refusal(Refused(Cause.STALE_MIRROR, retry_after=1)) from None
    except APIException:
        return None
    return None if found is None else found[1]


def _session_of_access_token(request: HttpRequest) -> str | None:
    claims = _claims_of(request)
    key = _session_key(claims.sid) if claims is not None else None
    # a session that was made without allauth has none there
    return key if key is not None and _stored(key) is not None else None


def _store(key: str) -> SessionBase:
    store: SessionBase = import_module(settings.SESSION_ENGINE).SessionStore(key)
    return store


def _stored(key: str) -> SessionBase | None:
    session = _store(key)
    session.get(FAMILY)  # loads it; one that is not there, or no longer, loses its key
    return session if session.session_key is not None else None


def _session_key(family_id: UUID) -> str | None:
    """Return the key of a family's session: nobody can tell it who does not hold the family's row."""
    rows = TokenFamily.objects.using(database()).filter(pk=family_id)
    secret = rows.values_list("secret", flat=True).first()
    return None if secret is None else hmac.digest(bytes(secret), b"allauth session 1", "sha256").hex()[:40]


def _tied_session(request: HttpRequest, pair: TokenPair) -> str:
    """Move the session to the family's key: so the access token leads to it, and it to the family."""
    key = _session_key(pair.session_id)
    assert key is not None  # noqa: S101 - the family was made a moment ago
    before, request.session = request.session, _store(key)
    request.session.clear()
    request.session.update({**dict(before.items()), FAMILY: str(pair.session_id)})
    request.session.pop(FIRST_STEP, None)
    request.session.save(must_create=True)
    before.delete()
    return key


def _is_alive(family_id: UUID) -> bool:
    facts = standing.read(family_id)
    if facts is None or standing.why_dead(facts, MIRROR.floors(), Moment()) is not None:
        return False
    user = standing.account_of(facts)
    if user is None:
        return False
    looks = account_changes.compared(user, fingerprint=facts.fingerprint, epoch=facts.account_epoch)
    return looks is not Looks.CHANGED


def _issued(request: HttpRequest) -> TokenPair:
    client = _client(request)
    outcome = Refused(Cause.CLIENT_UNKNOWN) if client is None else _made(request, client)
    if isinstance(outcome, Issued):
        return outcome.pair
    log.note(
        "login_refused",
        level=logging.WARNING if client is None else logging.INFO,
        cause=outcome.cause,
        client=client.client_id if client else request.headers.get(CLIENT_HEADER, ""),
        address=origin_of(request).address,
    )
    request.session.flush()
    request.user = AnonymousUser()
    raise _refusal(outcome)


def _made(request: HttpRequest, client: KnownClient) -> Issued | Refused:
    user = cast("AbstractBaseUser", request.user)
    if _is_overtaken(request, user):
        return Refused(Cause.CREDENTIALS)
    try:
        asked = LoginAsked(
            client=client,
            device=DeviceAsked(id=_device_id(request)),
            key_was_sent=parameters.idempotency_key(request) is not None,
            origin=origin_of(request),
            amr=_methods(request),
        )
    except BadRequest as bad:
        return bad.refused
    backend = str(request.session[BACKEND_SESSION_KEY])
    return issue(user, asked=asked, backend=backend, seen=_seen_by_the_login(request, user))


def _client(request: HttpRequest) -> KnownClient | None:
    """Return the client of a login: none but those that the site lists for allauth."""
    allowed = conf.current().ALLAUTH_CLIENTS
    named = request.headers.get(CLIENT_HEADER) or next(iter(allowed), "")
    return _public(named) if named in allowed else None


def _public(client_id: str) -> KnownClient | None:
    client = DIRECTORY.find(client_id)
    if client is None or client.disabled or client.is_confidential:
        return None  # allauth's endpoints ask for no client secret
    return None if client.kind == Client.Kind.RESOURCE else client


def _client_of(refresh_token: str) -> KnownClient | None:
    claims = refresh.read(refresh_token, keys=KEYRING.current().refresh, issuer=conf.current().ISSUER)
    if isinstance(claims, Refused):
        return None
    families = TokenFamily.objects.using(database()).filter(pk=claims.family_id)
    client_id = families.values_list("client__client_id", flat=True).first()
    return _public(client_id) if client_id in conf.current().ALLAUTH_CLIENTS else None


def _device_id(request: HttpRequest) -> str | None:
    return Parameters({"id": request.headers.get(DEVICE_HEADER)}).device_id("id")


def _methods(request: HttpRequest) -> tuple[str, ...]:
    """Return how the user proved who he is, by allauth's own records; "pwd" as RFC 8176 has it."""
    records = request.session.get("account_authentication_methods") or []
    words = [str(record.get("type") or record.get("method")) for record in records]
    return tuple(dict.fromkeys("pwd" if word == "password" else word for word in words))


# Guarantee 8: a login that began before a revocation never outlives it. One request sees the epochs
# before allauth authenticates; a login of several steps goes on with what its first one saw.


def _see(request: HttpRequest) -> None:
    client = _client(request) if request.method == "POST" else None
    if client is None or hasattr(request, _SEEN):
        return
    try:
        device_id = _device_id(request)
    except BadRequest:  # refused once the login is through: nobody is told before
        return
    setattr(request, _SEEN, before_authentication(client_pk=client.pk, device_id=device_id))


def _keep_first_step(request: HttpRequest) -> None:
    stage, seen = get_pending_stage(request), getattr(request, _SEEN, None)
    if stage is None or stage.login.user is None or seen is None:
        return
    kept = request.session.get(FIRST_STEP)
    if kept is not None and kept["login"] == stage.login.initiated_at:
        return
    user_key = users.key_of(stage.login.user)
    request.session[FIRST_STEP] = {
        "login": stage.login.initiated_at,
        "user": user_key,
        "credential": credential_of(stage.login.user),
        "site": seen.site,
        "client": seen.client,
        "account": AccountState.objects.using(database()).epoch_of(user_key),
    }


def _first_step(request: HttpRequest, user: AbstractBaseUser) -> Mapping[str, Any] | None:
    first: Mapping[str, Any] | None = request.session.get(FIRST_STEP)
    return first if first is not None and first["user"] == users.key_of(user) else None


def _is_overtaken(request: HttpRequest, user: AbstractBaseUser) -> bool:
    """Whether the user's password changed between the steps of this login."""
    first = _first_step(request, user)
    return first is not None and not credential_is(user, first["credential"])


def _seen_by_the_login(request: HttpRequest, user: AbstractBaseUser) -> Seen | None:
    seen: Seen | None = getattr(request, _SEEN, None)
    first = _first_step(request, user)
    if first is None:
        return seen
    devices = seen.devices if seen is not None else ()
    return Seen(first["site"], first["client"], first["user"], first["account"], devices)


class _Refusal(APIResponse):  # type: ignore[misc]
    """A refusal as allauth's clients read errors. One of allauth's own answers to allauth, which takes
    any other for a redirect and answers in its place; without what an answer of allauth's adds."""

    def __init__(self, refused: Refused) -> None:
        flat = errors.response(refused)
        error = {"code": flat.data["error"], "message": flat.data["error_description"]}
        body = {"status": flat.status_code, "errors": [error]}
        JsonResponse.__init__(self, body, status=flat.status_code)
        self["Cache-Control"] = "private, no-store"
        if "Retry-After" in flat:
            self["Retry-After"] = flat["Retry-After"]


def _refusal(refused: Refused) -> ImmediateHttpResponse:
    return ImmediateHttpResponse(_Refusal(refused))
