"""A websocket that echoes what it hears, and is closed when its token ends."""

from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from io import BytesIO
from typing import Any

from django.core.handlers.asgi import ASGIRequest
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from tokenauth.api.authentication import TokenAuthentication
from tokenauth.revocation.watching import watching
from tokenauth.tokens.claims import AccessClaims

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

#: Close code for a token that ended: 4000 and above are the application's own (RFC 6455 7.4.2).
ENDED = 4401


async def serve(scope: Message, receive: Receive, send: Send) -> None:
    await receive()  # websocket.connect
    claims = await _claims(scope)
    if claims is None:
        await send({"type": "websocket.close"})  # before it is accepted: the handshake is answered 403
        return
    await send({"type": "websocket.accept"})
    async with watching(claims) as alive:
        async for text in alive.during(_heard(receive)):
            await send({"type": "websocket.send", "text": text})
        if alive.cause is not None:
            await send({"type": "websocket.close", "code": ENDED, "reason": alive.cause})


async def _claims(scope: Message) -> AccessClaims | None:
    """What the handshake's Authorization header says, None where it does not hold."""
    scheme = {"ws": "http", "wss": "https"}.get(scope.get("scheme", "ws"), "http")
    handshake = ASGIRequest({**scope, "type": "http", "method": "GET", "scheme": scheme}, BytesIO())
    try:
        shown = await TokenAuthentication().aauthenticate(Request(handshake))
    except APIException:
        return None
    return None if shown is None else shown[1]


async def _heard(receive: Receive) -> AsyncIterator[str]:
    while (message := await receive())["type"] != "websocket.disconnect":
        yield message.get("text") or ""
