"""DRF authentication by our access tokens (RFC 6750): no query, no network."""

import logging
import re
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import cast

from asgiref.sync import sync_to_async
from django.core.exceptions import SynchronousOnlyOperation
from django.db import Error, connections
from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTAuthentication

from tokenauth import conf
from tokenauth.api import error_pages, request_ids
from tokenauth.api.errors import InvalidToken, StaleMirror, TwoCredentials, bearer_challenge
from tokenauth.api.users import TokenUser, aloaded
from tokenauth.errors import Cause, Refused
from tokenauth.namespaces import PerNamespace
from tokenauth.observability import log
from tokenauth.revocation.process import MIRRORS
from tokenauth.tokens import verify
from tokenauth.tokens.cache import VerifiedTokens
from tokenauth.tokens.claims import AccessClaims
from tokenauth.tokens.keyring import KEYRING

_CACHES = PerNamespace(lambda: VerifiedTokens[AccessClaims](lambda: conf.current().TOKEN_CACHE))
#: The current namespace's: a token of one tenant is none of another's.
CACHE = cast("VerifiedTokens[AccessClaims]", _CACHES)
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*\Z")
#: A second Authorization header, as servers join it to the first: a comma, a scheme, credentials.
_ANOTHER = re.compile(r",\s*[A-Za-z0-9!#$%&'*+.^_`|~-]+ +[^\s,=]")
_BEARER = re.compile(r"(?:^|,)\s*bearer(?:\s|\Z)", re.IGNORECASE)
_SHOWED_ONE = "_tokenauth_showed_a_token"


class TokenAuthentication(JWTAuthentication):
    """Accepts our access tokens for the site's own audience.

    `request.user` is loaded when it is first used for more than its key; `request.auth` holds the
    claims. In async code load the user by `await request.auser()` before anything but his key is read.
    """

    #: Audiences of which a token must name one; None: the site's ACCOUNT_AUDIENCE.
    audiences: tuple[str, ...] | None = None

    def authenticate(self, request: Request) -> tuple[TokenUser, AccessClaims] | None:  # type: ignore[override]
        """Return user and claims; None without a bearer token.

        Raises:
            InvalidToken: 401, one answer for every reason.
            TwoCredentials: 400, more than one Authorization header.
            StaleMirror: 503, nobody can tell whether it was revoked.

        Side effects: Django's cache middleware stores no answer to this request, and no error page
        shows the token. On an event loop what needs the database runs in a thread, and the loop
        waits: `aauthenticate` does not make it wait.
        """
        token = _presented(request)
        if token is None:
            return None
        try:
            claims = self._judged(token, request)
        except SynchronousOnlyOperation:
            claims = self._judged_in_a_thread(token, request)
        if isinstance(claims, Refused):
            if claims.cause is Cause.STALE_MIRROR:
                raise StaleMirror
            if claims.cause is Cause.MALFORMED and _has_two(_header(request)):
                raise TwoCredentials
            _note(request, claims)
            raise InvalidToken
        user = TokenUser(claims.sub, request)
        _underlying(request).auser = partial(aloaded, user)  # type: ignore[assignment]
        return user, claims

    async def aauthenticate(self, request: Request) -> tuple[TokenUser, AccessClaims] | None:
        """Do as `authenticate`, for async code: no query runs on the event loop."""
        return await sync_to_async(self.authenticate)(request)

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge: with an error only where a token was shown (RFC 6750 3.1)."""
        if getattr(request, _SHOWED_ONE, False):
            return bearer_challenge(error="invalid_token")
        return bearer_challenge()

    def _judged(self, token: str, request: Request) -> AccessClaims | Refused:
        settings = conf.current()
        if settings.REQUIRE_TLS and not _underlying(request).is_secure():
            return Refused(Cause.MALFORMED)
        try:
            claims = _verified(token, settings)
        except Error as failure:  # the keys: of a process that has just begun, or one of them was killed
            log.note("database_failed", level=logging.ERROR, error=type(failure).__name__)
            return Refused(Cause.STALE_MIRROR, retry_after=1)
        if isinstance(claims, Refused):
            return claims
        accepted = self.audiences or (settings.ACCOUNT_AUDIENCE,)
        # nearly every token names one audience, and `any` costs as much as all the rest of this line
        if claims.aud[0] not in accepted and not any(name in accepted for name in claims.aud):
            return Refused(Cause.AUDIENCE, claims.sid)
        return MIRRORS.here().refused(claims) or claims

    def _judged_in_a_thread(self, token: str, request: Request) -> AccessClaims | Refused:
        def judged() -> AccessClaims | Refused:
            try:
                return self._judged(token, request)
            finally:
                connections.close_all()

        with ThreadPoolExecutor(max_workers=1) as pool:
            return pool.submit(judged).result()


def _presented(request: Request) -> str | None:
    header = _header(request)
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        if "," in header and _has_two(header):
            raise TwoCredentials
        return None
    setattr(request, _SHOWED_ONE, True)
    underlying = _underlying(request)
    # Django's cache middleware would hand the answer to whoever comes with the same header later, also
    # after the token was revoked
    underlying._cache_update_cache = False  # type: ignore[attr-defined]
    error_pages.guard_token(underlying)
    return token.strip(" ")


def _header(request: Request | HttpRequest) -> str:
    # past DRF's request, whose own look-up costs more than the header's
    return str(_underlying(request).META.get("HTTP_AUTHORIZATION", ""))


def _has_two(header: str) -> bool:
    return _ANOTHER.search(header) is not None and _BEARER.search(header) is not None


def _underlying(request: Request | HttpRequest) -> HttpRequest:
    return getattr(request, "_request", request)


def _note(request: Request, refused: Refused) -> None:
    log.note(
        "token_refused",
        cause=refused.cause,
        family=refused.family_id,
        request_id=request_ids.sent_id(_underlying(request)),
    )


def _verified(token: str, settings: conf.Settings) -> AccessClaims | Refused:
    raw, now = token.encode("utf-8", "replace"), time.time()
    cache = _CACHES.here()
    known = cache.get(raw)
    if known is not None:
        return known if now < known.exp + settings.LEEWAY else Refused(Cause.EXPIRED, known.sid)
    if not _TOKEN.match(token):
        return Refused(Cause.MALFORMED)
    claims = verify.access_token(
        raw, keys=KEYRING.current().access, issuer=settings.ISSUER, leeway=settings.LEEWAY, now=now
    )
    if isinstance(claims, AccessClaims):
        cache.put(raw, claims)
    return claims
