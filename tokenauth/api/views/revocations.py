"""GET revocations/: the orders, for resource servers elsewhere (PROTOCOL 3 and 6)."""

import asyncio
import logging
import math
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.db import Error, connections
from django.http import HttpRequest, StreamingHttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from tokenauth.api import errors, parameters
from tokenauth.api.parameters import BadRequest, Parameters
from tokenauth.api.views import waiting
from tokenauth.api.views.base import PlainJson
from tokenauth.api.views.public import absolute
from tokenauth.api.views.servers import ServerView
from tokenauth.errors import Cause, PublicError, Refused
from tokenauth.flows import feed
from tokenauth.flows.feed import Page
from tokenauth.observability import log
from tokenauth.policy.clients import KnownClient
from tokenauth.revocation import clock
from tokenauth.risk import limits
from tokenauth.tokens.keyring import database

#: Seconds a reader may ask to be held.
LONGEST_WAIT = 60
_MOST_COUNTED = 10**9


class RevocationsView(ServerView):
    """An authenticated resource server asks what was revoked since it last asked."""

    def get(self, request: Request) -> Any:
        began, sent = clock.now(), parameters.query(request._request)
        caller = self.server(request._request, Parameters({}), limit=limits.feed_by)
        if isinstance(caller, Response):
            return caller
        asked = _Asked(caller, sent.text("after"), sent.text("rules") or "", began)
        wait = _seconds(sent)
        feed.note_report(
            caller.client_id, rules=asked.rules_held, in_step=asked.is_in_step, refused=_counts(sent)
        )
        if wait <= 0:
            return self._answer(asked, asked.page())
        if isinstance(request._request, ASGIRequest):
            return self._on_the_loop(asked, wait)
        return self._in_this_thread(asked, wait if _has_threads(request._request) else 0)

    def _in_this_thread(self, asked: "_Asked", wait: float) -> Response:
        # before the question: what comes after it is heard
        with waiting.listening() as heard:
            page = asked.page()
            if isinstance(page, Refused) or page.is_news or not wait or not waiting.IN_A_THREAD.take():
                return self._answer(asked, page)
            try:
                heard.wait(min(wait, waiting.LONGEST_IN_A_THREAD))
            finally:
                waiting.IN_A_THREAD.leave()
            return self._answer(asked, asked.page())

    def _on_the_loop(self, asked: "_Asked", wait: float) -> Any:
        page = asked.page()
        if isinstance(page, Refused) or page.is_news or not waiting.ON_A_LOOP.take():
            return self._answer(asked, page)
        # not while it waits: it would hold a session of the database's
        connections[database()].close_if_unusable_or_obsolete()
        return StreamingHttpResponse(_later(asked, wait), content_type="application/json")

    def _answer(self, asked: "_Asked", page: Page | Refused) -> Response:
        if isinstance(page, Refused):
            return self.refuse(page)
        return Response(asked.body(page))


@dataclass(frozen=True, slots=True)
class _Asked:
    """One question of a resource server's."""

    caller: KnownClient
    after: str | None
    #: Hash of the rules that it has.
    rules_held: str
    #: When the request came, by `revocation.clock`.
    began: float
    rules: dict[str, Any] = field(init=False)
    rules_hash: str = field(init=False)

    def __post_init__(self) -> None:
        rules = feed.rules_for(self.caller, jwks_uri=absolute("jwks"))
        object.__setattr__(self, "rules", rules)
        object.__setattr__(self, "rules_hash", feed.hash_of(rules))

    @property
    def is_in_step(self) -> bool:
        return self.rules_held == self.rules_hash

    def page(self) -> Page | Refused:
        return feed.page(self.caller, after=self.after)

    def body(self, page: Page) -> dict[str, Any]:
        """Return the answer; `held` is what a reader may add to the moment before its question."""
        held = max(0.0, page.asked_at - self.began)
        body = page.members() | {"held": math.floor(held * 1000) / 1000, "rules_hash": self.rules_hash}
        return body if self.is_in_step else body | {"rules": self.rules}


async def _later(asked: _Asked, wait: float) -> AsyncIterator[bytes]:
    """Yield the answer of a request that waits: its status is on its way, so a failure is a body too."""
    try:
        async with waiting.listening_on_the_loop() as heard:
            # asked again, now that news is heard: an order may have come in between
            page = await sync_to_async(_page)(asked)
            if isinstance(page, Page) and not page.is_news:
                with suppress(TimeoutError):
                    await asyncio.wait_for(heard.wait(), min(wait, waiting.LONGEST_ON_A_LOOP))
                page = await sync_to_async(_page)(asked)
    finally:
        waiting.ON_A_LOOP.leave()
    refused = isinstance(page, Refused)
    body = errors.body(PublicError.TEMPORARILY_UNAVAILABLE) if isinstance(page, Refused) else asked.body(page)
    if refused:
        log.note("feed_failed", level=logging.WARNING, client=asked.caller.client_id)
    yield PlainJson().render(body)


def _page(asked: _Asked) -> Page | Refused:
    try:
        return asked.page()
    except Error as failure:
        log.note("database_failed", level=logging.ERROR, error=type(failure).__name__)
        return Refused(Cause.BUSY)
    finally:
        connections[database()].close_if_unusable_or_obsolete()


def _has_threads(request: HttpRequest) -> bool:
    # a process that serves one request at a time must not be held by a reader
    return bool(request.META.get("wsgi.multithread"))


def _seconds(sent: Parameters) -> float:
    text = sent.text("wait")
    try:
        wait = float(text or 0)
    except ValueError:
        raise BadRequest from None
    if not 0 <= wait <= LONGEST_WAIT:
        raise BadRequest
    return wait


def _counts(sent: Parameters) -> dict[Cause, int]:
    """Read `refused=cause:count,...`; a cause of another release is left out."""
    counts: dict[Cause, int] = {}
    for part in (sent.text("refused") or "").split(",")[: len(Cause)]:
        name, _, count = part.partition(":")
        if name in set(Cause) and count.isascii() and count.isdecimal() and len(count) < 10:
            counts[Cause(name)] = int(count)
    return counts
