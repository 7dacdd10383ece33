"""The keys that say who wrote a message, from the same records as all others (PROTOCOL 4)."""

from django.db import connections

from tokenauth.models.key import KeyPurpose
from tokenauth.tokens.keyring import KEYRING


def sealing() -> bytes:
    """Return the key in use; made at first need."""
    return KEYRING.active(KeyPurpose.PLANE).secret


def verifying() -> tuple[bytes, ...]:
    """Return all that verify, the one in use first."""
    return tuple(key.secret for key in KEYRING.all(KeyPurpose.PLANE))


def of_companion() -> tuple[bytes, ...]:
    """The same for a thread that lives long: it keeps no connection that loading them took."""
    try:
        return verifying()
    finally:
        connections.close_all()
