"""Orders from the site's Redis, as fresh as the beat says that lies there; else from the feed (PROTOCOL 3).

For services that the site trusts as itself: who has the plane key can write what others believe. Rules come
with the feed, which also loads what is in force at first, and tells what Redis cannot.
"""

import logging
import threading
from collections.abc import Callable
from typing import Any

from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from tokenauth.observability import log
from tokenauth.resource.counts import Counts
from tokenauth.resource.http import Http
from tokenauth.resource.metadata import Endpoints
from tokenauth.resource.settings import Settings
from tokenauth.resource.sources.feed import Feed
from tokenauth.revocation import clock
from tokenauth.revocation.cursor import Cursor
from tokenauth.revocation.digests import OF_THE_SITE, digest
from tokenauth.revocation.mirror import Order
from tokenauth.revocation.notifiers.reader import Reader, State
from tokenauth.tokens.encoding import from_base64url

#: Seconds for a connection and for an answer.
PATIENCE = 0.25
#: Seconds after which the feed is asked in any case: for rules, and for what this service has refused.
FEED_EVERY = 30.0
#: Questions that one look at Redis asks at most: 100,000 orders, as many as lie there.
_MOST_PAGES = 100


class RedisAndFeed(Feed):
    """The feed's orders, kept fresh by Redis."""

    def __init__(
        self, settings: Settings, http: Http, endpoints: Endpoints, counts: Counts, beside: Callable[[], None]
    ) -> None:
        super().__init__(settings, http, endpoints, counts, beside)
        #: Where the orders that are held stand in the numbering; None: the feed has to tell.
        self._stands: Cursor | None = None
        self._stood_with = ""
        self._fed_at = float("-inf")
        self._abandoned: list[object] = []
        self._open_redis()

    def after_fork(self) -> None:
        super().after_fork()
        # kept referenced: its connections are the parent's
        self._abandoned.append(self._reader)
        self._open_redis()

    def health(self) -> dict[str, object]:
        return super().health() | {"number": 0 if self._stands is None else self._stands.number}

    def _poll(self, *, wait: float, patience: float) -> bool:
        if self._loaded and clock.now() - self._fed_at < FEED_EVERY:
            if (news := self._read()) is not None:
                return news
            wait = 0  # nobody knows how long Redis has been silent
        began = clock.now()
        news = super()._poll(wait=wait, patience=patience)
        self._fed_at = began
        return news

    def _read(self) -> bool | None:
        """Apply what Redis has; whether there was anything, None where the feed has to tell."""
        with self._reading:
            try:
                return self._read_to_the_end()
            except (RedisError, OSError, ValueError) as failure:
                log.note("redis_not_read", level=logging.WARNING, error=type(failure).__name__)
                return None

    def _read_to_the_end(self) -> bool | None:
        news = False
        for _ in range(_MOST_PAGES):
            stands, key = self._standing(), self._held.key
            if stands is None:
                return None
            if self._reader_bound != self._rules.bound:
                self._make_reader()
            read = self._reader.read(stands.number, stands.plane_id)
            with self._taking:
                if key != self._held.key or read.state is State.LOST:
                    return None
                self._held.take(_digested(order, key) for order in read.orders)
                if read.orders:
                    last = read.orders[-1]
                    self._stands = Cursor(stands.plane_id, last.number or 0, last.id, stands.kid)
                if read.state is State.CURRENT and read.as_of is not None:
                    self._asked_at = max(self._asked_at, read.as_of)
            news = news or bool(read.orders)
            if read.state is State.CURRENT:
                return news if clock.now() - self._asked_at <= self._rules.bound / 2 else None
            if not read.orders:
                return None
        return None

    def _standing(self) -> Cursor | None:
        """Return up to which order all is held: what the feed told, or Redis since."""
        if self._stood_with != self._cursor:
            told, held = Cursor.read(self._cursor), self._stands
            is_behind = (
                told is not None
                and held is not None
                and (told.plane_id, told.kid) == (held.plane_id, held.kid)
                and told.number < held.number
            )
            self._stands, self._stood_with = (held if is_behind else told), self._cursor
        return self._stands

    def _open_redis(self) -> None:
        self._reading = threading.Lock()
        self._make_reader()

    def _make_reader(self) -> None:
        settings = self._settings
        self._reader_bound = self._rules.bound
        client: Any = Redis.from_url(
            settings.redis_url,
            socket_connect_timeout=PATIENCE,
            socket_timeout=PATIENCE,
            retry=Retry(NoBackoff(), 0),
            decode_responses=False,
        )
        keys = [from_base64url(key.encode("ascii")) for key in settings.plane_keys]
        self._reader = Reader(client, keys, namespace=settings.namespace, bound=self._reader_bound)


def _digested(order: Order, key: bytes) -> Order:
    # as the feed tells it: both ways fill one table
    subject = "" if order.kind in OF_THE_SITE else digest(key, order.kind, order.key)
    return order._replace(key=subject)
