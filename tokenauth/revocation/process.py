"""This process's mirror: kept fresh by a thread where it can, by the requests themselves always."""

import os
import threading
import time
from dataclasses import dataclass

from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from tokenauth import conf
from tokenauth.errors import Cause, Refused
from tokenauth.observability import log
from tokenauth.policy import builtin, clients
from tokenauth.revocation import clock, numbering, source
from tokenauth.revocation.mirror import Answer, Floors, Mirror
from tokenauth.tokens.claims import AccessClaims
from tokenauth.tokens.keyring import KEYRING, database

#: Seconds between two sweeps of expired entries.
_SWEEP = 60
#: Questions one poll asks at most: 10 million orders.
_MOST_PAGES = 2_000


@dataclass(frozen=True, slots=True)
class Health:
    """What an operator asks of a process's mirror."""

    #: Seconds since the question was sent that the mirror's last answer belongs to; None before the first.
    age: float | None
    number: int
    orders: int


class ProcessMirror:
    """The mirror of one process. The request path is the guarantee, the thread an optimisation."""

    _mirror: Mirror
    _asked_at: float
    _loaded: bool

    def __init__(self) -> None:
        self._start_anew()
        self._abandoned: list[object] = []

    def refused(self, claims: AccessClaims) -> Refused | None:
        """Judge a verified access token by the live orders.

        Returns:
            Why it is dead, `STALE_MIRROR` when nobody can tell; None while it lives. No query while
            the mirror is fresh.
        """
        if (stale := self.stale()) is not None:
            return stale
        cause = self._mirror.floors.why_refused(claims)
        return None if cause is None else Refused(cause, claims.sid)

    def floors(self) -> Floors:
        """Return the floors as they stand; call `stale` first where freshness matters."""
        return self._mirror.floors

    def stale(self) -> Refused | None:
        """Bring the mirror up to date if it has to be; say so when it cannot be."""
        settings = conf.current()
        if settings.MIRROR == "each-check":
            return self._ask_the_tests_own_connection()
        bound = settings.STALENESS_BOUND
        if clock.now() - self._asked_at <= bound / 2:
            return None
        if settings.MIRROR == "auto":
            self._start_thread()
        self._drain(bound / 4 if self._loaded else settings.START_TIMEOUT)
        age = clock.now() - self._asked_at
        if age <= bound * 0.8:
            return None
        if settings.MODE == "available" and self._loaded and age <= bound * 0.8 + settings.AVAILABLE_SECONDS:
            log.note("accepted_by_stale_mirror", level=30, age=round(age, 3))
            return None
        return Refused(Cause.STALE_MIRROR, retry_after=1)

    def health(self) -> Health:
        """Return age (seconds), number and size of the mirror."""
        age = clock.now() - self._asked_at if self._loaded else None
        return Health(age, self._mirror.number, len(self._mirror.floors))

    def forget(self) -> None:
        """Start anew at the next check: for tests and after a fork."""
        self._stop.set()
        with self._draining:
            self._drop_connection()
        self._start_anew()

    def after_fork(self) -> None:
        """Leave the parent's lock, thread and connection alone: none of them works here."""
        # kept referenced: closing it would end the session that the parent still uses
        self._abandoned.append(self._own)
        mirror, asked_at, loaded = self._mirror, self._asked_at, self._loaded
        self._start_anew()
        self._mirror, self._asked_at, self._loaded = mirror, asked_at, loaded

    def _start_anew(self) -> None:
        self._mirror = Mirror()
        self._asked_at = float("-inf")
        self._loaded = False
        self._swept_at = clock.now()
        self._draining = threading.Lock()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._own: BaseDatabaseWrapper | None = None

    def _drain(self, patience: float) -> None:
        """Ask once, or wait for the answer another request is waiting for."""
        before = self._asked_at
        if not self._draining.acquire(timeout=patience):
            return
        try:
            if self._asked_at == before or clock.now() - self._asked_at > conf.current().STALENESS_BOUND / 2:
                self._poll()
        finally:
            self._draining.release()

    def _poll(self) -> None:
        try:
            connection = self._connection()
            self._ask_until_complete(connection)
        except DatabaseError as failure:
            log.note("poll_failed", level=30, error=type(failure).__name__)
            self._drop_connection()

    def _ask_until_complete(self, connection: BaseDatabaseWrapper) -> None:
        for _ in range(_MOST_PAGES):
            # read BEFORE the question: what lay in a socket must not look fresh
            asked_at = clock.now()
            answer = source.ask(connection, after=self._mirror.number)
            if answer is None:
                source.make_plane(connection)
            elif not self._mirror.take(answer):
                self._load_anew()
            else:
                if answer.unnumbered:
                    numbering.number_visible(connection)
                if answer.is_complete(source.PAGE):
                    self._became_fresh(connection, answer, asked_at)
                    return

    def _became_fresh(self, connection: BaseDatabaseWrapper, answer: Answer, asked_at: float) -> None:
        self._followed(answer.clients_version, answer.keys_version)
        self._sweep()
        if not self._loaded:
            source.note_access_lifetime(connection, builtin.longest_access())
            self._loaded = True
        self._asked_at = asked_at

    def _load_anew(self) -> None:
        log.note("database_behind", level=40, number=self._mirror.number)
        former, self._mirror = self._mirror.floors, Mirror()
        self._mirror.adopt(former)

    def _followed(self, clients_version: int, keys_version: int) -> None:
        clients.DIRECTORY.follow(clients_version)
        KEYRING.follow(keys_version)

    def _sweep(self) -> None:
        if clock.now() - self._swept_at > _SWEEP:
            self._mirror.floors.drop_expired(time.time())
            self._swept_at = clock.now()

    def _ask_the_tests_own_connection(self) -> Refused | None:
        asked_at, connection, mirror = clock.now(), connections[database()], Mirror()
        while (answer := source.ask(connection, after=mirror.number)) is not None:
            mirror.take(answer)
            if answer.is_complete(source.PAGE):
                self._followed(answer.clients_version, answer.keys_version)
                break
        self._mirror, self._asked_at, self._loaded = mirror, asked_at, True
        return None

    def _connection(self) -> BaseDatabaseWrapper:
        if self._own is None:
            # an own one: a request's may be inside a transaction that sees the past
            self._own = connections.create_connection(database())
            self._own.inc_thread_sharing()
            _with_timeouts(self._own)
        return self._own

    def _drop_connection(self) -> None:
        own, self._own = self._own, None
        if own is not None:
            try:
                own.close()
            except DatabaseError:
                self._abandoned.append(own)

    def _start_thread(self) -> None:
        if self._thread is not None and self._thread.is_alive():
            return
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._keep_fresh, args=(self._stop,), name="tokenauth-mirror", daemon=True
                )
                self._thread.start()

    def _keep_fresh(self, stop: threading.Event) -> None:
        while not stop.wait(conf.current().STALENESS_BOUND / 4):
            if self._draining.acquire(blocking=False):
                try:
                    if not stop.is_set():
                        self._poll()
                finally:
                    self._draining.release()


def _with_timeouts(connection: BaseDatabaseWrapper) -> None:
    bound = conf.current().STALENESS_BOUND
    options = dict(connection.settings_dict.get("OPTIONS") or {})
    if connection.vendor == "postgresql":
        options.pop("pool", None)
        options.setdefault("connect_timeout", max(2, round(bound)))
        options.setdefault("tcp_user_timeout", round(bound * 1000))
    connection.settings_dict = {**connection.settings_dict, "OPTIONS": options, "CONN_MAX_AGE": None}


MIRROR = ProcessMirror()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=MIRROR.after_fork)
