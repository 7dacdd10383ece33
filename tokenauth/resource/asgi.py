"""ASGI middleware, for Starlette, FastAPI and any other: no framework is imported.

    app = Starlette(routes=..., middleware=[Middleware(TokenMiddleware, verifier=verifier)])
    Route("/orders/", orders, middleware=[Middleware(RequiredScopes, "orders:read")])

What the token says is `scope["tokenauth"]`, an `Accepted`: `request.scope["tokenauth"]` in Starlette.
"""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from tokenauth.errors import Cause, Refused
from tokenauth.resource import bearer
from tokenauth.resource.bearer import Refusal, TwoCredentials
from tokenauth.resource.outcome import Accepted
from tokenauth.resource.verifier import Verifier

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

#: Key of the connection's scope.
KEY = "tokenauth"
#: "Policy violation" (RFC 6455 7.4.1); before the handshake a server makes 403 of it.
_WEBSOCKET_REFUSED = 1008


class TokenMiddleware:
    """Lets nobody through without a token that counts."""

    def __init__(self, app: App, *, verifier: Verifier, open_paths: Iterable[str] = ()) -> None:
        """
        Args:
            open_paths: Paths that anybody may ask, to the letter: a health check's.
        """
        self.app, self.verifier, self.open_paths = app, verifier, frozenset(open_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"} or scope["path"] in self.open_paths:
            await self.app(scope, receive, send)
            return
        outcome = await self._judged(scope)
        if isinstance(outcome, Refusal):
            await _refuse(outcome, scope, send)
            return
        await self.app({**scope, KEY: outcome}, receive, _uncacheable(send))

    async def _judged(self, scope: Scope) -> Accepted | Refusal:
        try:
            token = bearer.presented(_authorization(scope))
        except TwoCredentials:
            return bearer.two_credentials()
        if token is None:
            return bearer.without_token()
        outcome = await self.verifier.averify(token)
        if isinstance(outcome, Accepted):
            return outcome
        return bearer.refusal(outcome, acr=self.verifier.acr())


class RequiredScopes:
    """Lets nobody through whose token lacks one of these scopes; `TokenMiddleware` stands before it."""

    def __init__(self, app: App, *scopes: str) -> None:
        self.app, self.scopes = app, scopes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        accepted = scope.get(KEY)
        if not isinstance(accepted, Accepted):
            await _refuse(bearer.without_token(), scope, send)
        elif not accepted.has_scopes(*self.scopes):
            await _refuse(bearer.refusal(Refused(Cause.SCOPE), scopes=self.scopes), scope, send)
        else:
            await self.app(scope, receive, send)


def _authorization(scope: Scope) -> str:
    values = [value for name, value in scope["headers"] if name.lower() == b"authorization"]
    return ",".join(value.decode("latin-1") for value in values)


async def _refuse(refusal: Refusal, scope: Scope, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": _WEBSOCKET_REFUSED})
        return
    headers = [(name.lower().encode(), value.encode("ascii")) for name, value in refusal.headers]
    length = (b"content-length", str(len(refusal.body)).encode())
    await send({"type": "http.response.start", "status": refusal.status, "headers": [*headers, length]})
    is_head = scope.get("method") == "HEAD"
    await send({"type": "http.response.body", "body": b"" if is_head else refusal.body})


def _uncacheable(send: Send) -> Send:
    """What an application says of caching stays; where it says nothing, no cache may keep its answer."""

    async def sent(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", ()))
            named = {name.lower() for name, _ in headers}
            if b"cache-control" not in named:
                headers.append((b"cache-control", b"private, no-store"))
            headers.append((b"vary", b"Authorization"))
            message = {**message, "headers": headers}
        await send(message)

    return sent
