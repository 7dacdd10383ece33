"""Connections that stay open: each ends when its token does, within the bound.

One subscription to the mirror for all connections of a process, and one clock: a task of the event loop,
or a thread for who waits without one. An order is told to those alone whom it can concern.
"""

import asyncio
import logging
import os
import threading
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from math import inf
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from asgiref.sync import sync_to_async
from django.db import connections

from tokenauth import conf
from tokenauth.errors import Cause
from tokenauth.observability import log
from tokenauth.revocation.mirror import Floors, Kind, Order
from tokenauth.revocation.process import MIRROR
from tokenauth.tokens.claims import LARGEST_COUNT, AccessClaims

T = TypeVar("T")

#: Looks at the clock within one bound: what a look may be late is little beside it.
_LOOKS = 8


class Watch:
    """One open connection's token. `ended` says why it ended, None while it lives."""

    __slots__ = ("__weakref__", "_on_end", "claims", "ended", "subjects")

    def __init__(self, claims: AccessClaims, on_end: Callable[[Cause], None]) -> None:
        # a refresh ends no connection: its holder is the same, and a thief ends the family
        self.claims = claims._replace(gen=LARGEST_COUNT)
        self.ended: Cause | None = None
        self.subjects = _subjects(claims)
        self._on_end = on_end

    def stop(self) -> None:
        """Watch no longer; nothing is called any more."""
        WATCHES.remove(self)

    def end(self, cause: Cause) -> None:
        self.ended = cause
        try:
            self._on_end(cause)
        except Exception as failure:  # one connection's fault must not keep others open
            log.note("listener_failed", level=logging.ERROR, error=type(failure).__name__)


class Watches:
    """All of a process."""

    def __init__(self) -> None:
        self.start_anew()

    def start_anew(self) -> None:
        """Forget all: a forked child has none of its parent's connections."""
        self._lock = threading.Lock()
        self._all: set[Watch] = set()
        self._by_subject: dict[tuple[Kind, str], set[Watch]] = {}
        #: Unix seconds before which none expires.
        self._first_end = inf
        self._thread: threading.Thread | None = None

    def __len__(self) -> int:
        return len(self._all)

    def add(self, watch: Watch) -> None:
        """Take a watch in, and end it at once if its token is dead. It may have to ask the database."""
        with self._lock:
            self._all.add(watch)
            self._first_end = min(self._first_end, watch.claims.exp)
            for subject in watch.subjects:
                self._by_subject.setdefault(subject, set()).add(watch)
        # after it is in: an order that comes now is told, one that came before is held
        refused = MIRROR.refused(watch.claims)
        if refused is not None:
            self._end(watch, refused.cause)

    def remove(self, watch: Watch) -> bool:
        """Forget a watch; whether it was there."""
        with self._lock:
            if watch not in self._all:
                return False
            self._all.remove(watch)
            for subject in watch.subjects:
                others = self._by_subject[subject]
                others.remove(watch)
                if not others:
                    del self._by_subject[subject]
        return True

    def look(self) -> None:
        """End what has expired, and everything when nobody can tell any more. No query."""
        settings = conf.current()
        if settings.MIRROR != "each-check" and MIRROR.is_too_old():
            for watch in self._snapshot():
                self._end(watch, Cause.STALE_MIRROR)
        now = time.time() - settings.LEEWAY  # as a verifier: who connects again must not be sent away
        if now >= self._first_end:
            with self._lock:
                expired = {watch for watch in self._all if watch.claims.exp <= now}
                self._first_end = min((w.claims.exp for w in self._all - expired), default=inf)
            for watch in expired:
                self._end(watch, Cause.EXPIRED)

    def keep_looking(self) -> None:
        """Look from a thread, as long as there is somebody to look for."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._looking, name="tokenauth-watches", daemon=True)
                self._thread.start()

    def _looking(self) -> None:
        while True:
            with self._lock:
                if not self._all:
                    self._thread = None
                    return
            time.sleep(conf.current().STALENESS_BOUND / _LOOKS)
            _apart(ask)
            self.look()

    def heard(self, orders: Sequence[Order]) -> None:
        """End those whom the orders concern."""
        told = [order for order in orders if order.kind is not Kind.GENERATION]
        if not told or not self._all:
            return
        floors = Floors()
        floors.apply(told)
        for watch in self._whom(told):
            cause = floors.why_refused(watch.claims)
            if cause is not None:
                self._end(watch, cause)

    def _whom(self, orders: Sequence[Order]) -> set[Watch]:
        if any(order.kind in (Kind.SITE, Kind.BEFORE) for order in orders):
            return self._snapshot()
        with self._lock:
            return {w for order in orders for w in self._by_subject.get((order.kind, order.key), ())}

    def _snapshot(self) -> set[Watch]:
        with self._lock:
            return set(self._all)

    def _end(self, watch: Watch, cause: Cause) -> None:
        if self.remove(watch):  # for exactly one of those who see it
            watch.end(cause)


WATCHES = Watches()
MIRROR.subscribe(WATCHES.heard)

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=WATCHES.start_anew)


def watch(claims: AccessClaims, on_end: Callable[[Cause], None]) -> Watch:
    """Call this once when the token was revoked or has expired, or nobody can tell any more.

    A rotation ends nothing. Not on an event loop: it may ask the database, there is `watching`.

    Args:
        claims: Of a verified access token, as `request.auth` has them.
        on_end: Called with the cause, in whichever thread learnt of it: brief, no query.
    Side effects: the mirror's thread starts, and a thread for all watches.
    """
    new = Watch(claims, on_end)
    WATCHES.add(new)
    WATCHES.keep_looking()
    return new


class Alive:
    """What `watching` hands out."""

    def __init__(self, ended: "asyncio.Future[Cause]") -> None:
        self._ended = ended

    @property
    def cause(self) -> Cause | None:
        """Why the token ended, None while it lives."""
        return self._ended.result() if self._ended.done() else None

    async def ended(self) -> Cause:
        """Wait until the token has ended and return why."""
        return await asyncio.shield(self._ended)

    async def during(self, items: AsyncIterable[T]) -> AsyncIterator[T]:
        """Hand on what comes as long as the token lives; then cancel who waits for more."""
        source = aiter(items)
        while not self._ended.done():
            coming = asyncio.ensure_future(_next(source))
            try:
                either: set[asyncio.Future[Any]] = {coming, self._ended}
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                if self._ended.done():
                    return
                found = coming.result()
            finally:
                if not coming.done():
                    coming.cancel()
                    with suppress(asyncio.CancelledError):
                        await coming
            if not found:
                return
            yield found[0]


@asynccontextmanager
async def watching(claims: AccessClaims) -> AsyncIterator[Alive]:
    """Watch a token on an event loop: `async with watching(request.auth) as alive`.

    Args:
        claims: Of a verified access token.
    Side effects: the mirror's thread starts, and one task for all watches of the loop.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[Cause] = loop.create_future()

    def end(cause: Cause) -> None:
        if not ended.done():
            ended.set_result(cause)

    def on_end(cause: Cause) -> None:
        with suppress(RuntimeError):  # the loop is closed, and its connections with it
            loop.call_soon_threadsafe(end, cause)

    new = Watch(claims, on_end)
    try:
        # a thread of its own: a site's synchronous views must not hold it up
        await sync_to_async(_apart, thread_sensitive=False)(lambda: WATCHES.add(new))
        _keep_looking(loop)
        yield Alive(ended)
    finally:
        new.stop()


def ask() -> None:
    """Have a process without traffic hear of news: its mirror polls, by its thread or here."""
    if conf.current().MIRROR != "each-check":
        MIRROR.stale()


def _apart(work: Callable[[], None]) -> None:
    """Do it in a thread that nobody else tidies up after."""
    try:
        work()
    finally:
        connections.close_all()


async def _next(source: AsyncIterator[T]) -> tuple[T] | tuple[()]:
    try:
        return (await anext(source),)
    except StopAsyncIteration:
        return ()


_LOOKING: "WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Task[None]]" = WeakKeyDictionary()


def _keep_looking(loop: asyncio.AbstractEventLoop) -> None:
    task = _LOOKING.get(loop)
    if task is None or task.done():
        _LOOKING[loop] = loop.create_task(_looking(), name="tokenauth-watches")


async def _looking() -> None:
    asking: asyncio.Future[None] | None = None
    while len(WATCHES):
        await asyncio.sleep(conf.current().STALENESS_BOUND / _LOOKS)
        # not waited for: a database that is silent must not keep us from seeing that it is
        if asking is None or asking.done():
            asking = asyncio.ensure_future(sync_to_async(_apart, thread_sensitive=False)(ask))
        WATCHES.look()


def _subjects(claims: AccessClaims) -> tuple[tuple[Kind, str], ...]:
    subjects = (
        (Kind.CLIENT, claims.client_id),
        (Kind.DEVICE, claims.device),
        (Kind.USER, claims.sub),
        (Kind.FAMILY, claims.session),
        (Kind.JTI, claims.jti),
        (Kind.KID, claims.kid),
    )
    return (*subjects, (Kind.USER, claims.act)) if claims.act and claims.act != claims.sub else subjects
