"""DRF authentication by our access tokens (RFC 6750): no query, no network."""

import re
import time

from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTAuthentication

from tokenauth import conf
from tokenauth.api.errors import InvalidToken, StaleMirror, bearer_challenge
from tokenauth.api.users import TokenUser
from tokenauth.errors import Cause, Refused
from tokenauth.observability import log
from tokenauth.revocation.process import MIRROR
from tokenauth.tokens import verify
from tokenauth.tokens.cache import VerifiedTokens
from tokenauth.tokens.claims import AccessClaims
from tokenauth.tokens.keyring import KEYRING

CACHE = VerifiedTokens(lambda: conf.current().TOKEN_CACHE)
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*\Z")
_SHOWED_ONE = "_tokenauth_showed_a_token"


class TokenAuthentication(JWTAuthentication):
    """Accepts our access tokens for the site's own audience.

    `request.user` is loaded when it is first used for more than its key; `request.auth` holds the claims.
    """

    #: Audiences of which a token must name one; None: the site's ACCOUNT_AUDIENCE.
    audiences: tuple[str, ...] | None = None

    def authenticate(self, request: Request) -> tuple[TokenUser, AccessClaims] | None:  # type: ignore[override]
        """Return user and claims; None without a bearer token.

        Raises:
            InvalidToken: 401, one answer for every reason.
            StaleMirror: 503, nobody can tell whether it was revoked.
        """
        token = _presented(request)
        if token is None:
            return None
        claims = self._judged(token, request)
        if isinstance(claims, Refused):
            if claims.cause is Cause.STALE_MIRROR:
                raise StaleMirror
            log.note("token_refused", cause=claims.cause, family=claims.family_id)
            raise InvalidToken
        return TokenUser(claims.sub), claims

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge: with an error only where a token was shown (RFC 6750 3.1)."""
        if getattr(request, _SHOWED_ONE, False):
            return bearer_challenge(error="invalid_token")
        return bearer_challenge()

    def _judged(self, token: str, request: Request) -> AccessClaims | Refused:
        settings = conf.current()
        if settings.REQUIRE_TLS and not request.is_secure():
            return Refused(Cause.MALFORMED)
        claims = _verified(token, settings)
        if isinstance(claims, Refused):
            return claims
        accepted = self.audiences or (settings.ACCOUNT_AUDIENCE,)
        if not any(audience in accepted for audience in claims.aud):
            return Refused(Cause.AUDIENCE, claims.sid)
        return MIRROR.refused(claims) or claims


def _presented(request: Request) -> str | None:
    scheme, _, token = str(request.META.get("HTTP_AUTHORIZATION", "")).partition(" ")
    if scheme.lower() != "bearer":
        return None
    setattr(request, _SHOWED_ONE, True)
    token = token.strip(" ")
    if not _TOKEN.match(token):
        raise InvalidToken
    return token


def _verified(token: str, settings: conf.Settings) -> AccessClaims | Refused:
    raw, now = token.encode("ascii"), time.time()
    known = CACHE.get(raw)
    if known is not None:
        return known if now < known.exp + settings.LEEWAY else Refused(Cause.EXPIRED, known.sid)
    claims = verify.access_token(
        raw, keys=KEYRING.current().access, issuer=settings.ISSUER, leeway=settings.LEEWAY, now=now
    )
    if isinstance(claims, AccessClaims):
        CACHE.put(raw, claims)
    return claims
