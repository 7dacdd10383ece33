"""The example site for an ASGI server."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
pages = get_asgi_application()

from project import websocket  # noqa: E402 - models are ready only now


async def application(scope: websocket.Message, receive: websocket.Receive, send: websocket.Send) -> None:
    """Hand websockets to our own, everything else to Django."""
    if scope["type"] == "websocket":
        await websocket.serve(scope, receive, send)
    else:
        await pages(scope, receive, send)  # type: ignore[arg-type]
