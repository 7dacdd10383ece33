"""Strict base64url and JSON: one spelling for each value, all others refused (RFC 7515 2, RFC 8725 3.7)."""

import binascii
import json
from typing import Any

# the two alphabets differ in two characters; what belongs only to the other one becomes foreign to both
_TO_URL = bytes.maketrans(b"+/", b"-_")
_TO_STANDARD = bytes.maketrans(b"-_+/=", b"+/!!!")
_PADDING = (b"", b"", b"==", b"=")
#: Last characters without bits that decoding would drop, by length modulo 4; no length leaves 1.
_CANONICAL_END = (b"", b"", b"AQgw", b"AEIMQUYcgkosw048")


def to_base64url(raw: bytes) -> str:
    """Return base64url without padding."""
    return binascii.b2a_base64(raw, newline=False).translate(_TO_URL, b"=").decode("ascii")


def from_base64url(text: bytes) -> bytes:
    """Return what unpadded base64url says.

    Raises:
        ValueError: Padding, foreign characters, or spare bits that are not zero.
    """
    rest = len(text) % 4
    # spare bits would give two spellings of one token
    if rest and text[-1] not in _CANONICAL_END[rest]:
        raise ValueError("not canonical base64url")
    return binascii.a2b_base64(text.translate(_TO_STANDARD) + _PADDING[rest], strict_mode=True)


def _object_without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate name")
    return members


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_decode = json.JSONDecoder(
    object_pairs_hook=_object_without_duplicates, parse_constant=_no_constant
).raw_decode


_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode


def to_json(members: dict[str, Any]) -> bytes:
    """Return compact JSON in the order given."""
    return _encode(members).encode("ascii")


def from_json_object(raw: bytes) -> dict[str, Any]:
    """Return a JSON object.

    Raises:
        ValueError: Not UTF-8, not JSON, something around the object, a duplicate name at any depth, half
            a surrogate pair, nested too deep, or no object.
    """
    text = raw.decode("utf-8")
    try:
        value, end = _decode(text)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode("utf-8")  # half a surrogate pair is no text
    except RecursionError:
        raise ValueError("nested too deep") from None
    if type(value) is not dict or end != len(text):
        raise ValueError("not an object")
    return value
