"""How a key lies in the database: AES-256-GCM under a wrapping key from the settings (PROTOCOL 4)."""

import hashlib
import os
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings as django_settings

from tokenauth import conf
from tokenauth.errors import NoUsableKey
from tokenauth.tokens.encoding import from_base64url

_VERSION = b"\x01"
_ID = 8
_NONCE = 12
_KEY = 32


@dataclass(frozen=True, slots=True)
class WrappingKey:
    """A key from the settings; its id tells which one sealed an envelope."""

    key: bytes = field(repr=False)

    @property
    def id(self) -> bytes:
        return hashlib.sha256(b"tokenauth wrapping key id" + self.key).digest()[:_ID]


def seal(plain: bytes, *, bound_to: bytes) -> bytes:
    """Return an envelope under the first wrapping key.

    Args:
        plain: The key.
        bound_to: What must be the same when it is opened (kid, purpose, algorithm, state, times).
    """
    wrapping = wrapping_keys()[0]
    nonce = os.urandom(_NONCE)
    sealed = AESGCM(wrapping.key).encrypt(nonce, plain, _VERSION + bound_to)
    return _VERSION + wrapping.id + nonce + sealed


def unseal(envelope: bytes, *, bound_to: bytes) -> bytes:
    """Return what an envelope holds.

    Raises:
        NoUsableKey: No wrapping key opens it, or something it is bound to was changed.
    """
    wrapping_id, nonce = envelope[1 : 1 + _ID], envelope[1 + _ID : 1 + _ID + _NONCE]
    sealed = envelope[1 + _ID + _NONCE :]
    for wrapping in wrapping_keys():
        if envelope[:1] == _VERSION and wrapping.id == wrapping_id:
            try:
                return AESGCM(wrapping.key).decrypt(nonce, sealed, _VERSION + bound_to)
            except InvalidTag:
                break
    raise NoUsableKey("a stored key does not open")


def is_under_first_key(envelope: bytes) -> bool:
    """Whether `rewrap` has nothing left to do for this envelope."""
    return envelope[1 : 1 + _ID] == wrapping_keys()[0].id


@conf.until_settings_change
def wrapping_keys() -> tuple[WrappingKey, ...]:
    """Return the keys that open envelopes; the first also seals.

    The ones derived from SECRET_KEY and its fallbacks stay last, so that a site can move to its own.

    Raises:
        NoUsableKey: An entry of ENCRYPTION_KEYS is not 32 bytes of base64url.
    """
    own = tuple(WrappingKey(_own_key(entry)) for entry in conf.current().ENCRYPTION_KEYS)
    secrets = [django_settings.SECRET_KEY, *django_settings.SECRET_KEY_FALLBACKS]
    return own + tuple(WrappingKey(_derived(secret)) for secret in secrets)


def _own_key(entry: str) -> bytes:
    try:
        key = from_base64url(entry.encode())
    except ValueError:
        key = b""
    if len(key) != _KEY:
        raise NoUsableKey("an entry of TOKENAUTH['ENCRYPTION_KEYS'] is not 32 bytes of base64url")
    return key


def _derived(secret: str | bytes) -> bytes:
    raw = secret.encode() if isinstance(secret, str) else secret
    return HKDF(hashes.SHA256(), length=_KEY, salt=None, info=b"tokenauth wrapping key 1").derive(raw)
