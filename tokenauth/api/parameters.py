"""Reading what a client sent: form or JSON, each parameter once, nothing that no database stores."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent
from django.http import HttpRequest, QueryDict
from django.http.request import UnreadablePostError

from tokenauth.errors import Cause, Refused
from tokenauth.tokens.encoding import from_json_object

#: Bytes of a body; a login with everything in it is below 2,000.
LARGEST_BODY = 65_536
#: Characters of one value.
LONGEST_VALUE = 16_384
_MOST_FIELDS = 50
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{16,64}\Z")
_DEVICE_ID = re.compile(r"[\x21-\x7e]{1,64}\Z")


class BadRequest(Exception):
    """The request cannot be read; nothing was looked at beyond its form."""

    def __init__(self, cause: Cause = Cause.MALFORMED) -> None:
        super().__init__(cause.value)
        self.refused = Refused(cause)


class UnsupportedMediaType(Exception):
    """The body is neither form nor, where that is allowed, JSON."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of a request; an empty one counts as absent (RFC 6749 3.2)."""

    _values: Mapping[str, Any]

    def text(self, name: str) -> str | None:
        """Return a string parameter, None where it is absent."""
        value = self._values.get(name)
        if value is None or value == "":
            return None
        return _storable(value)

    def required(self, name: str) -> str:
        """Return a string parameter that must be there."""
        value = self.text(name)
        if value is None:
            raise BadRequest
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a parameter that may be one string or several."""
        value = self._values.get(name)
        if value is None or value == "":
            return ()
        values = value if isinstance(value, list) else [value]
        if len(values) > _MOST_FIELDS:
            raise BadRequest
        return tuple(_storable(item) for item in values if item != "")

    def part(self, name: str) -> "Parameters":
        """Return an object parameter as parameters of its own."""
        value = self._values.get(name)
        if value is None:
            return Parameters({})
        if not isinstance(value, dict):
            raise BadRequest
        return Parameters(value)

    def device_id(self, name: str) -> str | None:
        """Return a device id: 1 to 64 visible ASCII characters."""
        value = self.text(name)
        if value is not None and not _DEVICE_ID.match(value):
            raise BadRequest
        return value


def read(request: HttpRequest, *, json_too: bool, repeatable: frozenset[str] = frozenset()) -> Parameters:
    """Read the body of a request.

    Args:
        json_too: Whether JSON is taken beside a form.
        repeatable: Form parameters that may come more than once.
    Raises:
        BadRequest: Too large, not UTF-8, not what its type says, or a repeated parameter.
        UnsupportedMediaType: Of another type.
    """
    body = _body(request)
    match request.content_type:
        case "application/x-www-form-urlencoded":
            return Parameters(_form(body, repeatable))
        case "application/json" if json_too:
            return Parameters(_json(body))
        case "" if not body:
            return Parameters({})
    raise UnsupportedMediaType


def idempotency_key(request: HttpRequest) -> str | None:
    """Return the header Idempotency-Key, None where it is absent.

    Raises:
        BadRequest: It is not 16 to 64 visible ASCII characters.
    """
    key = request.headers.get("Idempotency-Key")
    if not key:
        return None
    if not _IDEMPOTENCY_KEY.match(key):
        raise BadRequest
    return key


def _body(request: HttpRequest) -> bytes:
    try:
        length = int(request.META.get("CONTENT_LENGTH") or 0)
        body = request.body if length <= LARGEST_BODY else b""
    except (ValueError, RequestDataTooBig, UnreadablePostError):
        raise BadRequest from None
    if max(length, len(body)) > LARGEST_BODY:
        raise BadRequest
    return body


def _form(body: bytes, repeatable: frozenset[str]) -> dict[str, Any]:
    try:
        body.decode("ascii")
        fields = QueryDict(body, encoding="utf-8")
    except (UnicodeDecodeError, TooManyFieldsSent):
        raise BadRequest from None
    values: dict[str, Any] = {}
    for name, sent in fields.lists():
        if len(sent) > 1 and name not in repeatable:
            raise BadRequest(Cause.REPEATED_PARAMETER)
        values[name] = sent if name in repeatable else sent[0]
    return values


def _json(body: bytes) -> dict[str, Any]:
    try:
        return from_json_object(body)
    except ValueError:
        raise BadRequest from None


def _storable(value: object) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_VALUE or "\x00" in value:
        raise BadRequest
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise BadRequest from None
    return value
