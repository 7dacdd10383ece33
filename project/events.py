"""Server-sent events: a streaming answer that ends when its token does."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from django.http import StreamingHttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from tokenauth.revocation.watching import watching
from tokenauth.tokens.claims import AccessClaims

#: Seconds between two events.
INTERVAL = 0.2


class EventStream(BaseRenderer):
    """For browsers' `EventSource`, which accepts nothing else: refusals come as JSON all the same."""

    media_type = "text/event-stream"
    format = "events"

    def render(
        self, data: Any, accepted_media_type: str | None = None, context: Mapping[str, Any] | None = None
    ) -> bytes:
        return json.dumps(data).encode()


class Events(APIView):
    """A tick now and then, as long as the token lives; the last event says why it ended."""

    renderer_classes = [JSONRenderer, EventStream]

    @extend_schema(exclude=True)
    def get(self, request: Request) -> StreamingHttpResponse:
        assert isinstance(request.auth, AccessClaims)  # noqa: S101 - for the type checker
        answer = StreamingHttpResponse(_events(request.auth), content_type="text/event-stream")
        answer["X-Accel-Buffering"] = "no"  # nginx would keep the events until they are many
        return answer


async def _events(claims: AccessClaims) -> AsyncIterator[str]:
    async with watching(claims) as alive:
        async for number in alive.during(_ticks()):
            yield f"event: tick\ndata: {number}\n\n"
        yield f"event: end\ndata: {alive.cause}\n\n"


async def _ticks() -> AsyncIterator[int]:
    number = 0
    while True:
        yield number
        number += 1
        await asyncio.sleep(INTERVAL)
