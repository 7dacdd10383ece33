"""Reading what a client sent: form or JSON, each parameter once, nothing that no database stores."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from django.http.request import RawPostDataException, UnreadablePostError

from tokenauth.errors import Cause, Refused
from tokenauth.observability.hidden import Hidden
from tokenauth.tokens.encoding import from_json_object

#: Bytes of a body; a login with everything in it is below 2,000.
LARGEST_BODY = 65_536
#: Characters of one value.
LONGEST_VALUE = 16_384
#: Characters of a query.
LONGEST_QUERY = 8_192
_MOST_FIELDS = 50
_MOST_PAIRS = 1_000
_JSON_WHITESPACE = b" \t\r\n"
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{16,64}\Z")
_DEVICE_ID = re.compile(r"[\x21-\x7e]{1,64}\Z")
#: What stands for a token that cannot even be looked at: no token of ours has this form.
_NEVER_VALID = Hidden("-")


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

    _values: Mapping[str, Any] = field(repr=False)

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

    def hidden(self, name: str) -> Hidden | None:
        """Return a password, secret or response, in a type whose repr does not show it."""
        value = self.text(name)
        return None if value is None else Hidden(value)

    def required_hidden(self, name: str) -> Hidden:
        """Return a password, secret or response that must be there."""
        return Hidden(self.required(name))

    def token(self, name: str) -> Hidden:
        """Return a token that must be there.

        One that no database could store is as unknown as any other (RFC 7009 2.2, RFC 7662 2.2): it
        comes back as a token that is never valid.
        """
        value = self._values.get(name)
        if value is None or value == "" or not isinstance(value, str):
            raise BadRequest
        try:
            return Hidden(_storable(value))
        except BadRequest:
            return _NEVER_VALID

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
        if value is None or value == "":
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
    """Read the body of a request; an empty one says nothing, whatever its type.

    Args:
        json_too: Whether JSON is taken beside a form.
        repeatable: Form parameters that may come more than once.
    Raises:
        BadRequest: Too large, not UTF-8, not what its type says, or a repeated parameter.
        UnsupportedMediaType: Of another type.
    """
    # the type first: a body that a middleware took for a multipart form cannot be read again
    match request.content_type:
        case "application/x-www-form-urlencoded":
            return Parameters(_form(_body(request), repeatable))
        case "application/json" if json_too:
            return Parameters(_json(_body(request)))
        case _ if _has_no_body(request):
            return Parameters({})
    raise UnsupportedMediaType


def query(request: HttpRequest) -> Parameters:
    """Read the query of a request.

    Raises:
        BadRequest: Too large, not ASCII, or a repeated parameter.
    """
    raw = str(request.META.get("QUERY_STRING", ""))
    if len(raw) > LONGEST_QUERY:
        raise BadRequest
    try:
        return Parameters(_form(raw.encode("ascii"), frozenset()))
    except UnicodeEncodeError:
        raise BadRequest from None


def idempotency_key(request: HttpRequest) -> Hidden | None:
    """Return the header Idempotency-Key, None where it is absent.

    Raises:
        BadRequest: It is not 16 to 64 visible ASCII characters.
    """
    key = request.headers.get("Idempotency-Key")
    if not key:
        return None
    if not _IDEMPOTENCY_KEY.match(key):
        raise BadRequest
    return Hidden(key)


def _has_no_body(request: HttpRequest) -> bool:
    is_chunked = "HTTP_TRANSFER_ENCODING" in request.META
    return not is_chunked and str(request.META.get("CONTENT_LENGTH") or "0").strip() == "0"


def _body(request: HttpRequest) -> bytes:
    try:
        length = int(request.META.get("CONTENT_LENGTH") or 0)
        body = request.body if length <= LARGEST_BODY else b""
    except (ValueError, RequestDataTooBig, UnreadablePostError, RawPostDataException):
        raise BadRequest from None
    if max(length, len(body)) > LARGEST_BODY:
        raise BadRequest
    return body


def _form(body: bytes, repeatable: frozenset[str]) -> dict[str, Any]:
    try:
        # an escape that is no UTF-8 stays visible, and is refused where its value is read
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="surrogateescape", max_num_fields=_MOST_PAIRS
        )
    except ValueError:
        raise BadRequest from None
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name in repeatable:
            values.setdefault(name, []).append(value)
        elif name in values:
            raise BadRequest(Cause.REPEATED_PARAMETER)
        else:
            values[name] = value
    return values


def _json(body: bytes) -> dict[str, Any]:
    # RFC 8259 2: whitespace may stand around the object, and stands there wherever a file was sent
    stripped = body.strip(_JSON_WHITESPACE)
    if not stripped:
        return {}
    try:
        return from_json_object(stripped)
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
