"""This process's mirror: kept fresh by a thread where it can, by the requests themselves always."""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast
from uuid import UUID

from django.db import Error, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from tokenauth import conf
from tokenauth.errors import Cause, Refused
from tokenauth.namespaces import PerNamespace, carried
from tokenauth.observability import log
from tokenauth.policy import builtin, clients
from tokenauth.revocation import clock, head_start, numbering, own_connection, source
from tokenauth.revocation.mirror import Answer, Floors, Mirror, Order
from tokenauth.revocation.notifiers import publishing
from tokenauth.tokens.claims import AccessClaims
from tokenauth.tokens.keyring import KEYRING, database

#: Seconds between two sweeps of expired entries, and that one poll gives to them.
_SWEEP = 60
_SWEEPING = 0.005
#: Seconds between two lines about too many orders.
_ALARM = 60
#: Seconds the thread of one namespace among several lives.
_TURN = 60
#: Questions one poll asks at most: 10 million orders.
_MOST_PAGES = 2_000


@dataclass(frozen=True, slots=True)
class Health:
    """What an operator asks of a process's mirror."""

    #: Seconds since the question was sent that the mirror's last answer belongs to; None before the first.
    age: float | None
    number: int
    orders: int
    #: About the bytes that they take.
    memory: int
    mode: str
    #: Tokens that `available` accepted beyond the bound.
    accepted_stale: int
    #: Supersessions that were dropped over MIRROR_MEMORY.
    dropped: int
    #: How often the database went back.
    behind: int


@dataclass(frozen=True, slots=True)
class Behind:
    """The database went back: it lost orders that were committed."""

    plane_id: UUID
    #: Number that the mirror had.
    held: int
    #: Number that the database has.
    found: int


#: Work beside the mirror; it returns soon after the event that it is given is set.
Companion = Callable[[threading.Event], None]
#: Called with orders that the mirror has just taken in, in whichever thread brought them: brief, no query.
Listener = Callable[[Sequence[Order]], None]
#: Called once the mirror has loaded anew, with its own connection; a minute later again if it fails.
Witness = Callable[[BaseDatabaseWrapper, Behind], None]


class ProcessMirror:
    """The mirror of one process. The request path is the guarantee, the thread an optimisation."""

    _mirror: Mirror
    _asked_at: float
    _loaded: bool

    def __init__(self) -> None:
        self._start_anew()
        self._abandoned: list[object] = []
        self._companions: list[Companion] = []
        #: Name of what shortens the wait for the next poll, for operators: set by whoever provides it.
        self.notifier = "polling"
        self._listeners: list[Listener] = []
        self._witnesses: list[Witness] = []

    def accompany(self, companion: Companion) -> None:
        """Run this beside the mirror, in a thread of its own, in every process that has the mirror's."""
        self._companions.append(companion)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call this after orders were taken in; an order may be told twice, none is left out.

        Returns:
            What ends the subscription.
        """
        self._listeners = [*self._listeners, listener]

        def unsubscribe() -> None:
            self._listeners = [held for held in self._listeners if held is not listener]

        return unsubscribe

    def when_behind(self, witness: Witness) -> None:
        """Call this when the database went back, in each process that sees it."""
        self._witnesses.append(witness)

    def hint(self, orders: Sequence[Order]) -> None:
        """Take in numbered orders that came by another way than a poll.

        Those that continue what is held are in force at once, anything else sends the mirror to the
        database. They never make it fresh: only the database does (PROTOCOL 3).
        """
        if not self._loaded:
            return
        if self._beside is not None or not self._draining.acquire(blocking=False):
            self.wake()
            return
        try:
            applied = self._mirror.continue_with(orders)
        finally:
            self._draining.release()
        if applied is None:
            self.wake()
        else:
            self._tell(applied)

    def position(self) -> tuple[UUID, int] | None:
        """Return plane and number that the mirror has come to; None before its first answer."""
        mirror = self._mirror
        return (mirror.plane_id, mirror.number) if self._loaded and mirror.plane_id else None

    def wake(self) -> None:
        """Have the thread ask the database now instead of at its next turn."""
        self._woken.set()

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
        if self.is_too_old():
            return Refused(Cause.STALE_MIRROR, retry_after=1)
        self._accept_stale(age, bound)
        return None

    def is_too_old(self) -> bool:
        """Whether nothing may be accepted on what the mirror knows. It asks nobody."""
        settings = conf.current()
        longest = settings.STALENESS_BOUND * 0.8
        if settings.MODE == "available" and self._loaded:
            longest += settings.AVAILABLE_SECONDS
        return clock.now() - self._asked_at > longest

    def health(self) -> Health:
        """Return how the mirror stands. No query."""
        mirror = self._mirror
        return Health(
            age=clock.now() - self._asked_at if self._loaded else None,
            number=mirror.number,
            orders=len(mirror.floors),
            memory=mirror.floors.memory(),
            mode=conf.current().MODE,
            accepted_stale=self._accepted_stale,
            dropped=self._dropped,
            behind=self._times_behind,
        )

    def forget(self) -> None:
        """Start anew at the next check: for tests and after a fork."""
        self._stop.set()
        self._woken.set()
        self.to_report.set()
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
        #: One that is loaded while the other serves: of a new plane, whose numbers start again.
        self._beside: Mirror | None = None
        self._behind: Behind | None = None
        self._failed_at = self._not_before = float("-inf")
        self._swept_at = clock.now()
        self._sweeping: Iterator[None] = iter(())
        self._accepted_stale = self._dropped = self._times_behind = 0
        self._said_stale_at = self._said_full_at = self._said_asleep_at = float("-inf")
        #: When the thread last ran.
        self._turned_at = float("-inf")
        self._draining = threading.Lock()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._woken = threading.Event()
        #: Until when somebody asks what this process applies: the last answer's; 0 for nobody.
        self.report_until = 0
        #: Set after each answer that asks for it.
        self.to_report = threading.Event()
        self._own: BaseDatabaseWrapper | None = None

    def _accept_stale(self, age: float, bound: float) -> None:
        self._accepted_stale += 1
        if clock.now() - self._said_stale_at >= bound:
            self._said_stale_at = clock.now()
            log.note(
                "accepted_by_stale_mirror",
                level=logging.WARNING,
                age=round(age, 3),
                accepted=self._accepted_stale,
            )

    def _drain(self, patience: float) -> None:
        """Ask once, or wait for the answer another request is waiting for."""
        numbered: Sequence[Order] = ()
        before, bound = self._asked_at, conf.current().STALENESS_BOUND
        if clock.now() - self._failed_at < bound / 4:
            return  # not each request waits for a database that just did not answer
        if not self._draining.acquire(timeout=patience):
            return
        try:
            if self._asked_at == before or clock.now() - self._asked_at > bound / 2:
                numbered = self._poll()
        finally:
            self._draining.release()
        publishing.publish(numbered, self._mirror.plane_id)

    def _poll(self) -> Sequence[Order]:
        """Ask the database; return what it was left to us to number, which nobody has told of yet."""
        began, was_open = clock.now(), self._own is not None
        numbered = self._attempt()
        # a connection that its server closed long ago fails at once: a new one may do
        at_once = clock.now() - began < conf.current().STALENESS_BOUND / 8
        if numbered is None and was_open and at_once:
            numbered = self._attempt()
        if numbered is None:
            self._failed_at = clock.now()
        return numbered or ()

    def _attempt(self) -> Sequence[Order] | None:
        """Do as `_poll`; None where the database did not answer."""
        numbered: Sequence[Order] = ()
        try:
            connection = self._connection()
            if not self._loaded and not self._mirror.number:
                self._mirror = head_start.mirror(connection) or self._mirror
            if self._ask_until_complete(connection):
                # after the mirror is fresh: whoever numbers may have to wait for a writer
                numbered = numbering.number_visible(connection)
            self._keep_small()
            self._bear_witness(connection)
        except Error as failure:
            log.note("poll_failed", level=logging.WARNING, error=type(failure).__name__)
            self._drop_connection()
            return None
        return numbered

    def _ask_until_complete(self, connection: BaseDatabaseWrapper) -> bool:
        """Apply all there is; return whether orders wait for their number."""
        waiting_after = 0
        asked_at = clock.now()
        for _ in range(_MOST_PAGES):
            number = (self._beside or self._mirror).number
            answer = source.ask(connection, after=number, waiting_after=waiting_after)
            if answer is None:
                source.make_plane(connection)
            elif not self._taken(answer):
                self._load_anew(answer)
            elif not answer.is_full:
                self._became_fresh(connection, answer, asked_at)
                return answer.waiting_to is not None or waiting_after > 0
            elif answer.waiting_to is not None:
                # fresh as of the first page: a late commit may hide below the id we ask above
                waiting_after = answer.waiting_to
                continue
            # read BEFORE the question: what lay in a socket must not look fresh
            asked_at = asked_at if waiting_after else clock.now()
        return waiting_after > 0

    def _taken(self, answer: Answer) -> bool:
        continues = (self._beside or self._mirror).take(answer)
        if continues:
            self._tell((*answer.numbered, *answer.unnumbered))
        return continues

    def _tell(self, orders: Sequence[Order]) -> None:
        if not orders:
            return
        for listener in self._listeners:
            try:
                listener(orders)
            except Exception as failure:  # a listener's fault must not keep the mirror from its duty
                log.note("listener_failed", level=logging.ERROR, error=type(failure).__name__)

    def _became_fresh(self, connection: BaseDatabaseWrapper, answer: Answer, asked_at: float) -> None:
        self._take_over()
        self._followed(answer.clients_version, answer.keys_version)
        if not self._loaded:
            if answer.longest_access < (longest := builtin.longest_access()):
                source.note_access_lifetime(connection, longest)
            own_connection.bound_statements(connection, conf.current().STALENESS_BOUND / 4)
        # the age first: whoever sees that it is loaded may ask for it
        self._asked_at, self._loaded = asked_at, True
        self.report_until = answer.report_until
        if self.report_until:
            self.to_report.set()

    def _load_anew(self, answer: Answer) -> None:
        """Start from the first order again; what is held stays in force and is served meanwhile."""
        held = self._mirror
        if self._beside is None and self._behind is None:
            self._times_behind += 1
            log.note("database_behind", level=logging.ERROR, number=held.number, found=answer.n)
        self._behind = Behind(answer.plane_id, held.number, answer.n)
        # an order that was never numbered and is lost has an end all the same
        held.floors.end_all(time.time() + answer.longest_access + conf.current().LEEWAY + numbering.SLACK)
        if answer.plane_id == held.plane_id:
            self._mirror, self._beside = Mirror(held.floors), None
        else:
            self._beside = Mirror()

    def _take_over(self) -> None:
        """Serve the mirror that was loaded beside, with what the former one knew."""
        new = self._beside
        if new is None:
            return
        new.adopt(self._mirror.floors.left_by(new.floors))
        self._mirror, self._beside, self._sweeping = new, None, iter(())

    def _bear_witness(self, connection: BaseDatabaseWrapper) -> None:
        if self._behind is None or self._beside is not None or clock.now() < self._not_before:
            return
        try:
            for witness in self._witnesses:
                witness(connection, self._behind)
        except Exception as failure:  # a database that only reads, say: it must not keep the mirror stale
            self._not_before = clock.now() + _ALARM
            log.note("witness_failed", level=logging.ERROR, error=type(failure).__name__)
        else:
            self._behind = None

    def _followed(self, clients_version: int, keys_version: int) -> None:
        clients.DIRECTORY.follow(clients_version)
        KEYRING.follow(keys_version)

    def _keep_small(self) -> None:
        """Drop what has expired, a little at each poll, and supersessions over the memory allowed."""
        if clock.now() - self._swept_at > _SWEEP:
            self._sweeping = self._mirror.floors.dropping_expired(time.time())
            self._swept_at = clock.now()
        until = time.perf_counter() + _SWEEPING
        for _ in self._sweeping:
            if time.perf_counter() > until:
                break
        most = conf.current().MIRROR_MEMORY
        if self._mirror.floors.memory() > most:
            self._dropped += self._mirror.floors.shed_supersessions(most * 19 // 20)
            self._say_full()

    def _say_full(self) -> None:
        if clock.now() - self._said_full_at >= _ALARM:
            self._said_full_at = clock.now()
            floors = self._mirror.floors
            log.note(
                "mirror_over_memory",
                level=logging.ERROR,
                dropped=self._dropped,
                orders=len(floors),
                memory=floors.memory(),
            )

    def _ask_the_tests_own_connection(self) -> Refused | None:
        asked_at, connection, mirror = clock.now(), connections[database()], Mirror()
        while True:
            answer = source.ask(connection, after=mirror.number)
            if answer is None:  # without the plane's row no order can be seen
                source.make_plane(connection)
                continue
            mirror.take(answer)
            if not answer.is_full:
                self._followed(answer.clients_version, answer.keys_version)
                break
        self._mirror, self._asked_at, self._loaded = mirror, asked_at, True
        return None

    def _connection(self) -> BaseDatabaseWrapper:
        if self._own is None:
            settings = conf.current()
            patience = settings.STALENESS_BOUND / 4 if self._loaded else settings.START_TIMEOUT
            self._own = own_connection.opened(database(), patience=patience)
        return self._own

    def _drop_connection(self) -> None:
        own, self._own = self._own, None
        if own is not None:
            try:
                own.close()
            except Error:
                self._abandoned.append(own)

    def _start_thread(self) -> None:
        if self._thread is not None:
            self._watch_the_thread()
            if self._thread.is_alive():
                return
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                if self._thread is None:
                    self._turned_at = clock.now()
                if self._stop.is_set():  # the former thread has ended, and told those beside it
                    self._stop = threading.Event()
                self._thread = self._thread_for(self._keep_fresh, "tokenauth-mirror")
                try:
                    self._thread.start()
                    for companion in self._companions:
                        self._thread_for(companion, "tokenauth-companion").start()
                except RuntimeError:  # no threads here: requests keep the mirror fresh
                    log.note("no_thread", level=logging.WARNING)

    def _watch_the_thread(self) -> None:
        """Say it where a thread that was started does not run: requests do its work."""
        idle = clock.now() - self._turned_at
        if idle > conf.current().STALENESS_BOUND and clock.now() - self._said_asleep_at >= _ALARM:
            self._said_asleep_at = clock.now()
            log.note("thread_does_not_run", level=logging.WARNING, idle=round(idle, 3))

    def _thread_for(self, work: Companion, name: str) -> threading.Thread:
        return threading.Thread(target=carried(work), args=(self._stop,), name=name, daemon=True)

    def _keep_fresh(self, stop: threading.Event) -> None:
        woken = self._woken
        # where there are many namespaces, one that nobody asks for has no thread: a request starts the next
        ends_at = clock.now() + _TURN if conf.current().NAMESPACE else float("inf")
        try:
            while not stop.is_set() and clock.now() < ends_at:
                woken.wait(conf.current().STALENESS_BOUND / 4)
                woken.clear()
                self._turned_at = clock.now()
                self._take_turn(stop)
        finally:
            stop.set()

    def _take_turn(self, stop: threading.Event) -> None:
        numbered: Sequence[Order] = ()
        if self._draining.acquire(blocking=False):
            try:
                if not stop.is_set():
                    numbered = self._poll()
            finally:
                self._draining.release()
        if numbered:
            publishing.publish(numbered, self._mirror.plane_id)
            # it may have taken this thread a connection of the site's
            connections.close_all()


MIRRORS = PerNamespace(ProcessMirror)
#: The current namespace's.
MIRROR = cast("ProcessMirror", MIRRORS)

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=MIRRORS.after_fork)
