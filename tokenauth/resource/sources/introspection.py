"""Each token is asked for (RFC 7662), and the answer kept no longer than the bound."""

import hashlib
import threading
from collections import OrderedDict

from tokenauth.errors import Cause, Refused
from tokenauth.observability import log
from tokenauth.resource.held import Shadow
from tokenauth.resource.http import Http, Unreachable
from tokenauth.resource.metadata import Endpoints
from tokenauth.resource.rules import Rules
from tokenauth.resource.settings import Settings
from tokenauth.resource.sources.feed import Feed
from tokenauth.revocation import clock
from tokenauth.tokens.claims import AccessClaims


class Introspection:
    """The issuer's own judgement of each token; where there is a feed, its orders count at once."""

    def __init__(
        self, settings: Settings, http: Http, endpoints: Endpoints, feed: Feed | None = None
    ) -> None:
        self._settings, self._http, self._endpoints, self._feed = settings, http, endpoints, feed
        self._own_rules = Rules.of_settings(settings)
        #: Digest of a token -> whether it is active, and until when that counts by `revocation.clock`.
        self._answers: OrderedDict[bytes, tuple[bool, float]] = OrderedDict()
        self._lock = threading.Lock()

    def stale(self) -> Refused | None:
        return None if self._feed is None else self._feed.stale()

    def rules(self) -> Rules:
        return self._own_rules if self._feed is None else self._feed.rules()

    def digest_key(self) -> bytes:
        return b"" if self._feed is None else self._feed.digest_key()

    def refused(self, token: bytes, claims: AccessClaims, shadow: Shadow) -> Refused | None:
        """Judge a verified token; one call to the issuer where no answer of its is held."""
        if self._feed is not None and (dead := self._feed.refused(token, claims, shadow)) is not None:
            return dead
        digest = hashlib.sha256(token).digest()
        known = self._answers.get(digest)
        if known is None or clock.now() >= known[1]:
            known = self._asked(token, claims)
            if known is None:
                return Refused(Cause.STALE_MIRROR, retry_after=1)
            self._keep(digest, known)
        return None if known[0] else Refused(Cause.REVOKED, claims.sid)

    def health(self) -> dict[str, object]:
        return {"answers": len(self._answers)} | ({} if self._feed is None else self._feed.health())

    def after_fork(self) -> None:
        self._lock = threading.Lock()
        if self._feed is not None:
            self._feed.after_fork()

    def close(self) -> None:
        if self._feed is not None:
            self._feed.close()

    def _asked(self, token: bytes, claims: AccessClaims) -> tuple[bool, float] | None:
        bound = self.rules().bound
        try:
            url = self._endpoints.introspection(seconds=self._settings.start_timeout)
            reply = self._http.post(url, {"token": token.decode("ascii")}, seconds=max(bound, 1.0))
        except Unreachable as failure:
            log.note("not_introspected", level=30, error=str(failure))
            return None
        is_active = reply.members.get("active") is True
        if is_active and reply.members.get("jti") != claims.jti:
            log.note("not_introspected", level=40, error="an answer about another token")
            return None
        # counted from before the question; an expired token is refused before anybody comes here
        return is_active, reply.asked_at + bound

    def _keep(self, digest: bytes, answer: tuple[bool, float]) -> None:
        with self._lock:
            self._answers[digest] = answer
            self._answers.move_to_end(digest)
            while len(self._answers) > self._settings.token_cache:
                self._answers.popitem(last=False)
