"""Whole requests through Django's handler as a server makes them, but for the network."""

import io
import json
from typing import Any
from urllib.parse import urlencode

from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from rest_framework.request import Request

JSON, FORM = "application/json", "application/x-www-form-urlencoded"


class RequestFailedError(Exception):
    """A site refused what it is measured by."""


class Site:
    """The site of this process."""

    def __init__(self) -> None:
        self._handler = WSGIHandler()

    def get(self, path: str, **headers: str) -> bytes:
        """Return the body of an answer."""
        return self._ask("GET", path, b"", headers)

    def post(self, path: str, sent: dict[str, Any], *, form: bool = False, **headers: str) -> Any:
        """Send JSON or a form; return what the answer's JSON says."""
        body = (urlencode(sent) if form else json.dumps(sent)).encode()
        answer = self._ask("POST", path, body, {"CONTENT_TYPE": FORM if form else JSON, **headers})
        return json.loads(answer) if answer else None

    def _ask(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> bytes:
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": "",
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": "127.0.0.1",
            "HTTP_ACCEPT": "*/*",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": False,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
            **headers,
        }
        response: Any = self._handler(environ, _start)
        answer = b"".join(response)
        response.close()
        if response.status_code >= 400:
            raise RequestFailedError(f"{method} {path}: {response.status_code} {answer[:300]!r}")
        return answer


def _start(*said: Any) -> Any:
    """What a server does with status and headers: nothing here, the response has them too."""


def bearer(token: str) -> dict[str, str]:
    """The header by which an access token is shown."""
    return {"HTTP_AUTHORIZATION": f"Bearer {token}"}


def shown(token: str) -> Request:
    """A request of DRF's with a token."""
    return Request(WSGIRequest({"REQUEST_METHOD": "GET", "wsgi.input": io.BytesIO(), **bearer(token)}))
