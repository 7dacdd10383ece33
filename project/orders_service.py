"""
A second service of the example: orders elsewhere, without Django's settings and without a database.

It knows who issues its tokens, and a secret of its own; `python -m project.orders_service` serves it.
"""

import os

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tokenauth.resource import Verifier
from tokenauth.resource.asgi import RequiredScopes, TokenMiddleware

ORDERS = [{"id": 1, "item": "tea"}, {"id": 2, "item": "biscuits"}]


async def orders(request: Request) -> JSONResponse:
    who = request.scope["tokenauth"].user_key
    return JSONResponse({"orders": ORDERS, "for": who})


async def health(request: Request) -> JSONResponse:
    return JSONResponse(request.app.state.verifier.health())


def application(verifier: Verifier) -> Starlette:
    reading = [Middleware(RequiredScopes, "orders:read")]
    made = Starlette(
        routes=[Route("/orders/", orders, middleware=reading), Route("/health/", health)],
        middleware=[Middleware(TokenMiddleware, verifier=verifier, open_paths=["/health/"])],
    )
    made.state.verifier = verifier
    return made


def main() -> None:
    port = int(os.environ.get("ORDERS_PORT") or 8001)
    verifier = Verifier.from_environment()
    uvicorn.run(application(verifier), host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    main()
