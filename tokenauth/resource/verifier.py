"""The framework-free verifier: is this access token worth anything here, and why not."""

import asyncio
import os
import time
import weakref
from typing import Any, NamedTuple, Self

import httpx2

from tokenauth.errors import Cause, Refused
from tokenauth.resource.counts import Counts
from tokenauth.resource.held import Shadow, shadow_of
from tokenauth.resource.http import Http
from tokenauth.resource.keys import KeySet
from tokenauth.resource.metadata import Endpoints
from tokenauth.resource.outcome import Accepted
from tokenauth.resource.rules import Rules
from tokenauth.resource.settings import Settings
from tokenauth.resource.sources.feed import Feed
from tokenauth.resource.sources.introspection import Introspection
from tokenauth.resource.sources.redis import RedisAndFeed
from tokenauth.resource.sources.source import Source
from tokenauth.tokens import verify
from tokenauth.tokens.cache import VerifiedTokens
from tokenauth.tokens.claims import AccessClaims

#: Seconds that a question for keys may hold a request.
_PATIENCE = 2.0


class Verified(NamedTuple):
    """A token whose signature held, and its shadow."""

    claims: AccessClaims
    shadow: Shadow

    def slim(self) -> "Verified":
        return self._replace(claims=self.claims.slim())


class Verifier:
    """Judges access tokens of one issuer for one resource server. Made once a process, used by all threads.

    Nothing happens before the first token: no thread, no call. A fork is survived.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        transport: httpx2.BaseTransport | None = None,
        **options: Any,
    ) -> None:
        """
        Args:
            settings: What this server knows of its issuer; else `options` say it.
            transport: What carries its calls, for tests.
        Raises:
            ValidationError: A setting is missing or of another form.
        """
        self.settings = settings or Settings(**options)
        self._counts = Counts()
        self._http = Http(self.settings, transport=transport)
        endpoints = Endpoints(self.settings, self._http)
        self._keys = KeySet(self._http, endpoints)
        self._source = self._chosen(endpoints)
        self._cache: VerifiedTokens[Verified] = VerifiedTokens(lambda: self.settings.token_cache)
        self._abandoned: list[object] = []
        _VERIFIERS.add(self)

    @classmethod
    def from_environment(cls, prefix: str = "TOKENAUTH_", **options: Any) -> Self:
        """Return a verifier by environment variables: `TOKENAUTH_ISSUER`, `TOKENAUTH_CLIENT_ID`, ..."""
        return cls(Settings.from_environment(prefix, **options))

    def verify(self, token: str, *, scopes: tuple[str, ...] = ()) -> Accepted | Refused:
        """Judge an access token.

        No network while what is known is fresh and the token's key is known; else at most one call at a
        time, and the others wait a quarter of the bound for it. Nothing is raised, whatever was sent.

        Args:
            token: As it stood in the request.
            scopes: That it has to carry beside those of the rules.
        Returns:
            `Refused(STALE_MIRROR)` where nobody can tell whether it was revoked: 503, not 401.
        """
        outcome = self._judged(token, scopes)
        if isinstance(outcome, Refused):
            self._counts.note(outcome.cause)
        return outcome

    async def averify(self, token: str, *, scopes: tuple[str, ...] = ()) -> Accepted | Refused:
        """Do as `verify`; what may have to wait does so in a thread, and the event loop goes on."""
        if self._asks_nobody(token):
            return self.verify(token, scopes=scopes)
        return await asyncio.to_thread(self.verify, token, scopes=scopes)

    def acr(self) -> tuple[str, ...]:
        """Return the classes of login of which a token has to name one; empty for any. No network."""
        return tuple(sorted(self._source.rules().acr or ()))

    def health(self) -> dict[str, object]:
        """Return what an operator asks: age (seconds) and number of the orders, keys, hash of the rules."""
        return {**self._source.health(), "keys": len(self._keys), "tokens": len(self._cache)}

    def close(self) -> None:
        """Stop the thread and close the connections."""
        self._source.close()
        self._http.close()

    def after_fork(self) -> None:
        """Leave what is the parent's alone."""
        # kept referenced: closing it would end connections that the parent still uses
        self._abandoned.append(self._http.after_fork())
        self._counts.after_fork()
        self._keys.after_fork()
        self._source.after_fork()

    def _chosen(self, endpoints: Endpoints) -> Source:
        settings, http = self.settings, self._http
        match settings.source:
            case "feed":
                return Feed(settings, http, endpoints, self._counts, self._refresh_keys)
            case "redis":
                return RedisAndFeed(settings, http, endpoints, self._counts, self._refresh_keys)
            case "both":
                feed = Feed(settings, http, endpoints, self._counts, self._refresh_keys)
                return Introspection(settings, http, endpoints, feed)
        return Introspection(settings, http, endpoints)

    def _asks_nobody(self, token: str) -> bool:
        if not token.isascii() or len(token) > verify.LARGEST_TOKEN:
            return True
        raw = token.encode("ascii")
        knows_key = raw.partition(b".")[0] in self._keys.permitted(frozenset())
        keeps_keys = self.settings.uses_feed or not self._keys.is_due()
        return knows_key and keeps_keys and self._source.is_ready(raw)

    def _judged(self, token: str, scopes: tuple[str, ...]) -> Accepted | Refused:
        if not token.isascii() or len(token) > verify.LARGEST_TOKEN:
            return Refused(Cause.MALFORMED)
        if (stale := self._source.stale()) is not None:
            return stale
        if not self.settings.uses_feed:
            self._refresh_keys()
        raw, rules = token.encode("ascii"), self._source.rules()
        verified = self._verified(raw, rules)
        if isinstance(verified, Refused):
            return verified
        refused = _unfit(verified.claims, rules, scopes) or self._source.refused(
            raw, verified.claims, verified.shadow
        )
        return refused or Accepted(verified.claims)

    def _verified(self, raw: bytes, rules: Rules) -> Verified | Refused:
        now, key = time.time(), self._source.digest_key()
        known = self._cache.get(raw)
        if known is not None:
            if now >= known.claims.exp + rules.leeway:
                return Refused(Cause.EXPIRED, known.claims.sid)
            if known.shadow.key == key:
                return known
            claims: AccessClaims | Refused = known.claims
        else:
            claims = self._read(raw, rules, now)
        if isinstance(claims, Refused):
            return claims
        verified = Verified(claims, shadow_of(claims, key))
        self._cache.put(raw, verified)
        return verified

    def _read(self, raw: bytes, rules: Rules, now: float) -> AccessClaims | Refused:
        header = raw.partition(b".")[0]
        if header not in self._keys.permitted(frozenset()):
            self._keys.look_for(header, seconds=_PATIENCE)
        return verify.access_token(
            raw,
            keys=self._keys.permitted(rules.algorithms),
            issuer=self.settings.issuer,
            leeway=rules.leeway,
            now=now,
        )

    def _refresh_keys(self) -> None:
        if len(self._keys):
            self._keys.refresh(seconds=_PATIENCE)


def _unfit(claims: AccessClaims, rules: Rules, scopes: tuple[str, ...]) -> Refused | None:
    """Judge what a token says by the rules of this server."""
    if not rules.audiences or any(wanted.isdisjoint(claims.aud) for wanted in rules.audiences):
        return Refused(Cause.AUDIENCE, claims.sid)
    if rules.acr is not None and claims.acr not in rules.acr:
        return Refused(Cause.OLD_LOGIN, claims.sid)
    if not claims.scopes >= rules.scopes or not claims.scopes.issuperset(scopes):
        return Refused(Cause.SCOPE, claims.sid)
    return None


_VERIFIERS: "weakref.WeakSet[Verifier]" = weakref.WeakSet()


def _after_fork() -> None:
    for verifier in list(_VERIFIERS):
        verifier.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
