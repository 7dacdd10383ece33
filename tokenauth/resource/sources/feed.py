"""Orders from the HTTP feed: a thread asks where it can, the requests themselves always (PROTOCOL 3)."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import stamina

from tokenauth.errors import Cause, Refused
from tokenauth.observability import log
from tokenauth.resource.counts import Counts
from tokenauth.resource.held import Held, Shadow, order_of
from tokenauth.resource.http import Http, Reply, Unreachable
from tokenauth.resource.metadata import Endpoints
from tokenauth.resource.rules import Rules
from tokenauth.resource.settings import Settings
from tokenauth.revocation import clock
from tokenauth.revocation.mirror import Order
from tokenauth.tokens.claims import AccessClaims
from tokenauth.tokens.encoding import from_base64url

#: Seconds between two sweeps of expired entries.
_SWEEP = 60
#: Questions one poll asks at most: 10 million orders.
_MOST_PAGES = 2_000
_LONGEST_CURSOR = 1_024
_KEY_LENGTH = 32


class Feed:
    """What this process knows of the issuer's orders. The request path is the guarantee."""

    def __init__(
        self, settings: Settings, http: Http, endpoints: Endpoints, counts: Counts, beside: Callable[[], None]
    ) -> None:
        """
        Args:
            beside: What the thread does between two questions.
        """
        self._settings, self._http, self._endpoints = settings, http, endpoints
        self._counts, self._beside = counts, beside
        self._held = Held()
        self._rules = Rules.of_settings(settings)
        self._cursor = ""
        self._asked_at = float("-inf")
        self._loaded = False
        #: Tokens accepted while nobody could tell, where the mode is `available`.
        self._accepted_stale = 0
        self._swept_at = clock.now()
        self._start_anew()

    def stale(self) -> Refused | None:
        """Bring what is known up to date if it has to be; say so when it cannot be."""
        bound = self._rules.bound
        if self._loaded and clock.now() - self._asked_at <= bound / 2:
            return None
        self._start_thread()
        self._drain(bound / 4 if self._loaded else self._settings.start_timeout)
        age, bound = clock.now() - self._asked_at, self._rules.bound
        if not self._loaded:
            return Refused(Cause.STALE_MIRROR, retry_after=1)
        if age <= bound * 0.8:
            return None
        if age <= bound * 0.8 + self._rules.available_seconds:
            self._accepted_stale += 1
            log.note("accepted_by_stale_mirror", level=logging.WARNING, age=round(age, 3))
            return None
        return Refused(Cause.STALE_MIRROR, retry_after=1)

    def rules(self) -> Rules:
        return self._rules

    def digest_key(self) -> bytes:
        return self._held.key

    def refused(self, token: bytes, claims: AccessClaims, shadow: Shadow) -> Refused | None:
        """Judge a verified token by the orders that are held. No network."""
        cause = self._held.why_refused(claims, shadow)
        return None if cause is None else Refused(cause, claims.sid)

    def health(self) -> dict[str, object]:
        age = round(clock.now() - self._asked_at, 3) if self._loaded else None
        return {
            "age": age,
            "orders": len(self._held),
            "rules": self._rules.hash,
            "accepted_stale": self._accepted_stale,
        }

    def after_fork(self) -> None:
        self._start_anew()

    def close(self) -> None:
        self._stop.set()

    def _start_anew(self) -> None:
        self._draining, self._taking, self._starting = threading.Lock(), threading.Lock(), threading.Lock()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def _drain(self, patience: float) -> None:
        """Ask once, or wait for the answer another request is waiting for."""
        before = self._asked_at
        if not self._draining.acquire(timeout=patience):
            return
        try:
            if self._asked_at == before or clock.now() - self._asked_at > self._rules.bound / 2:
                self._poll(wait=0, patience=patience)
        except (Unreachable, ValueError) as failure:
            log.note("feed_not_read", level=logging.WARNING, error=str(failure))
        finally:
            self._draining.release()

    def _poll(self, *, wait: float, patience: float) -> bool:
        """Apply all there is; return whether there was any.

        Raises:
            Unreachable: The issuer gave no answer that counts.
            ValueError: It gave one of another form.
        """
        news = False
        url = self._endpoints.feed(seconds=patience)
        for _ in range(_MOST_PAGES):
            cursor, key, report = self._cursor, self._held.key, self._counts.taken()
            parameters = {"after": cursor, "rules": self._rules.hash, "refused": report.text}
            if wait:
                parameters["wait"] = f"{wait:.3f}"
            try:
                reply = self._http.get(
                    url, parameters=parameters, seconds=wait + patience, authenticated=True
                )
                told = _Told.read(reply, self._settings)
            except BaseException:
                self._counts.give_back(report)
                raise
            with self._taking:
                self._take(told, cursor=cursor, key=key)
            news, wait = news or bool(told.orders), 0
            if not told.more:
                return news
        raise Unreachable("it never came to an end")

    def _take(self, told: "_Told", *, cursor: str, key: bytes) -> None:
        """Apply what was told to a question with that cursor, when digests came under that key."""
        went_on = cursor != self._cursor
        if key != self._held.key or (told.reset and went_on):
            return  # another thread started anew meanwhile: what it was told holds all of this
        if told.rules is not None:
            self._rules = told.rules
        if told.reset:
            if self._loaded:
                log.note("database_behind", level=logging.ERROR)
            self._held.start(told.key)
        if self._held.key:
            self._held.take(told.orders)
        if not went_on:
            self._cursor = told.cursor
        if told.more or not self._rules.hash or not self._held.key:
            return
        self._asked_at, self._loaded = max(self._asked_at, told.as_of), True
        if clock.now() - self._swept_at > _SWEEP:
            self._held.drop_expired(time.time())
            self._swept_at = clock.now()

    def _start_thread(self) -> None:
        if self._thread is not None and self._thread.is_alive():
            return
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._keep_fresh, args=(self._stop,), name="tokenauth-feed", daemon=True
                )
                try:
                    self._thread.start()
                except RuntimeError:  # no threads here: requests keep it fresh
                    log.note("no_thread", level=logging.WARNING)

    def _keep_fresh(self, stop: threading.Event) -> None:
        while not stop.is_set():
            bound = self._rules.bound
            try:
                for attempt in stamina.retry_context(
                    on=(Unreachable, ValueError),
                    attempts=10,
                    timeout=None,
                    wait_initial=bound / 8,
                    wait_max=bound,
                    wait_jitter=bound / 8,
                ):
                    with attempt:
                        self._ask_in_the_thread(stop)
            except (Unreachable, ValueError) as failure:
                log.note("feed_not_read", level=logging.WARNING, error=str(failure))

    def _ask_in_the_thread(self, stop: threading.Event) -> None:
        if stop.is_set():
            return
        interval, began = self._rules.bound / 4, clock.now()
        news = self._poll(wait=interval if self._loaded else 0, patience=max(self._rules.bound, 1.0))
        self._beside()
        # an issuer that does not let us wait answers at once: then we wait here
        if not news:
            stop.wait(max(0.0, interval - (clock.now() - began)))


@dataclass(frozen=True, slots=True)
class _Told:
    """One answer of the feed, checked."""

    cursor: str
    reset: bool
    more: bool
    orders: tuple[Order, ...]
    #: Of the digests; empty where it stays.
    key: bytes
    #: None where they stay.
    rules: Rules | None
    #: The moment that it speaks of, by our own clock: before the question, and as much later as the
    #: issuer let it wait.
    as_of: float

    @classmethod
    def read(cls, reply: Reply, settings: Settings) -> "_Told":
        """Check an answer.

        Raises:
            ValueError: It is not of the form that PROTOCOL gives it.
        """
        members = reply.members
        cursor, reset, more, orders = (members.get(n) for n in ("cursor", "reset", "more", "orders"))
        if type(cursor) is not str or not 0 < len(cursor) <= _LONGEST_CURSOR:
            raise ValueError("no cursor")
        if type(reset) is not bool or type(more) is not bool or type(orders) is not list:
            raise ValueError("not an answer of the feed")
        key = from_base64url(_text(members.get("key")).encode("ascii")) if reset else b""
        if reset and len(key) != _KEY_LENGTH:
            raise ValueError("no key")
        return cls(
            cursor=cursor,
            reset=reset,
            more=more,
            orders=tuple(order for item in orders if (order := order_of(_object(item))) is not None),
            key=key,
            rules=_rules(members, settings),
            as_of=reply.asked_at + _held(members.get("held"), reply),
        )


def _rules(members: dict[str, Any], settings: Settings) -> Rules | None:
    if "rules" not in members:
        return None
    return Rules.read(_object(members["rules"]), settings, hash=_text(members.get("rules_hash"))[:64])


def _held(value: object, reply: Reply) -> float:
    if type(value) not in {int, float} or not value >= 0:  # type: ignore[operator]
        return 0.0
    # never beyond the moment at which the answer was here
    return min(float(value), reply.answered_at - reply.asked_at)  # type: ignore[arg-type]


def _text(value: object) -> str:
    if type(value) is not str:
        raise ValueError("not a text")
    return value


def _object(value: object) -> dict[str, Any]:
    if type(value) is not dict:
        raise ValueError("not an object")
    return value
