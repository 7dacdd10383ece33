"""What others wrote (errors of drivers, other apps' checks) is shown only where it holds no secret."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

import redis
from django import db
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

#: Errors whose message tells what happened. Another's may quote what it was given: a URL that it cannot
#: read, in pieces that nobody would recognise.
_TELLING = (db.Error, OSError, redis.RedisError, ImproperlyConfigured)
#: Names of settings, and of entries in them, whose values are secret.
_SECRET = re.compile(
    r"(SECRET|PASS|PASSWD|PASSWORD|PASSPHRASE|TOKEN|KEYS?|FALLBACKS|CREDENTIALS?)$", re.IGNORECASE
)
_WITHHELD = "(withheld: it holds a secret of the settings)"
#: Of `scheme://user:password@host`, the password as it stands there.
_PASSWORD = re.compile(r"://[^/?#\s:]*:(\S+)@")
_LONGEST = 500


def foreign(text: str) -> str:
    """Return the text on one line; or say that it is withheld, because a secret of the settings is in it."""
    line = " ".join(text.split())[:_LONGEST]
    return _WITHHELD if any(secret in text for secret in _secrets()) else line


def described(failure: BaseException) -> str:
    """Return what kind of error it is, and its first line where that may be shown."""
    kind = type(failure).__name__
    lines = str(failure).strip().splitlines()
    if not lines or not isinstance(failure, _TELLING):
        return kind
    return f"{kind}: {foreign(lines[0])}"


def _secrets() -> set[str]:
    found: set[str] = set()
    for name in dir(settings):
        if name.isupper():
            found.update(_in(getattr(settings, name), secret=_is_secret(name)))
    # nothing that short is one, and everything would be withheld
    return {secret for secret in found if len(secret) > 1}


def _in(value: Any, *, secret: bool) -> Iterator[str]:
    """Yield what is secret in a value: the whole, entries with such a name, passwords of addresses."""
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if isinstance(value, str):
        for password in _PASSWORD.findall(value):
            yield from (password, unquote(password))
        if secret:
            yield value
    elif isinstance(value, Mapping):
        for key, entry in value.items():
            yield from _in(entry, secret=secret or _is_secret(str(key)))
    elif isinstance(value, (list, tuple, set, frozenset)):
        for entry in value:
            yield from _in(entry, secret=secret)


def _is_secret(name: str) -> bool:
    return _SECRET.search(name) is not None
