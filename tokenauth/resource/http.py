"""The few calls to the issuer: no redirect, no proxy of the environment, everything bounded."""

import base64
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus

import httpx2

from tokenauth.resource.settings import Settings
from tokenauth.revocation import clock
from tokenauth.tokens.encoding import from_json_object

#: Bytes of an answer; a full page of the feed is half of it.
LARGEST_ANSWER = 2_097_152
_CONNECTIONS = httpx2.Limits(max_connections=32, max_keepalive_connections=8, keepalive_expiry=30)


class Unreachable(Exception):
    """The issuer gave no answer that counts. The message names no token, secret or address."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A 200 with a JSON object."""

    members: dict[str, Any] = field(repr=False)
    #: Seconds that it may be kept; 0 where it says nothing.
    max_age: int
    #: Before the question was sent and after the answer was read, by `revocation.clock`.
    asked_at: float
    answered_at: float


class Http:
    """Connections to one issuer. Threads may share it; a fork needs another."""

    def __init__(self, settings: Settings, *, transport: httpx2.BaseTransport | None = None) -> None:
        self._settings = settings
        self._transport = transport
        self._client = self._opened()

    def get(
        self,
        url: str,
        *,
        seconds: float,
        parameters: Mapping[str, str] | None = None,
        authenticated: bool = False,
    ) -> Reply:
        """GET a JSON object.

        Args:
            seconds: That any step may take, and all together.
            authenticated: Whether this server says who it is.
        Raises:
            Unreachable: No such answer.
        """
        return self._asked("GET", url, seconds, authenticated, params=dict(parameters or {}))

    def post(self, url: str, form: Mapping[str, str], *, seconds: float) -> Reply:
        """POST a form in this server's name and return the JSON object that comes back.

        Raises:
            Unreachable: No such answer.
        """
        return self._asked("POST", url, seconds, True, data=dict(form))

    def after_fork(self) -> object:
        """Open connections of this process's own; return the parent's, which must not be closed here."""
        abandoned, self._client = self._client, self._opened()
        return abandoned

    def close(self) -> None:
        self._client.close()

    def _opened(self) -> httpx2.Client:
        settings = self._settings
        return httpx2.Client(
            verify=ssl.create_default_context(cafile=settings.ca_file or None),
            proxy=settings.proxy or None,
            trust_env=False,
            follow_redirects=False,
            limits=_CONNECTIONS,
            transport=self._transport,
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
        )

    def _asked(self, method: str, url: str, seconds: float, authenticated: bool, **sent: Any) -> Reply:
        if not self._settings.may_call(url):
            raise Unreachable("an address that is neither TLS nor loopback")
        headers = {"Authorization": self._basic()} if authenticated else {}
        asked_at = clock.now()
        try:
            with self._client.stream(method, url, headers=headers, timeout=seconds, **sent) as response:
                if response.status_code != 200:
                    raise Unreachable(f"status {response.status_code}")
                body = _read(response, until=asked_at + seconds)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as failure:
            raise Unreachable(type(failure).__name__) from None
        try:
            members = from_json_object(body)
        except ValueError:
            raise Unreachable("not a JSON object") from None
        return Reply(members, _max_age(response), asked_at, clock.now())

    def _basic(self) -> str:
        # RFC 6749 2.3.1: each form-encoded first
        pair = f"{quote_plus(self._settings.client_id)}:{quote_plus(self._settings.client_secret)}"
        return "Basic " + base64.b64encode(pair.encode()).decode()


def _read(response: httpx2.Response, *, until: float) -> bytes:
    media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media_type not in {"application/json", "application/jwk-set+json"}:
        raise Unreachable("not JSON")
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Unreachable("compressed, though it was asked not to be")
    body = bytearray()
    for part in response.iter_raw():
        body += part
        if len(body) > LARGEST_ANSWER:
            raise Unreachable("too large")
        if clock.now() > until:  # a timeout bounds each part, not their sum
            raise Unreachable("too slow")
    return bytes(body)


def _max_age(response: httpx2.Response) -> int:
    for directive in response.headers.get("Cache-Control", "").split(","):
        name, _, value = directive.strip().partition("=")
        if name.lower() == "max-age" and value.isascii() and value.isdecimal() and len(value) < 10:
            return int(value)
    return 0
