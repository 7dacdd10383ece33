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
from tokenauth.tokens.keys import Secret

_VERSION = b"\x01"
_ID = 8
_NONCE = 12
_TAG = 16
_KEY = 32


class Spoiled(NoUsableKey):
    """The right wrapping key is there, but the envelope or a column it is bound to was changed.

    Nothing can be opened with it any more. Find out who writes to the table; if only a column was changed,
    putting the old value back opens it again.
    """


@dataclass(frozen=True, slots=True)
class WrappingKey:
    """A key from the settings; its id tells which one sealed an envelope."""

    key: bytes = field(repr=False)

    @property
    def id(self) -> bytes:
        return hashlib.sha256(b"tokenauth wrapping key id" + self.key).digest()[:_ID]


def seal(plain: Secret, *, bound_to: bytes) -> bytes:
    """Return an envelope under the first wrapping key.

    Args:
        plain: The key.
        bound_to: What must be the same when it is opened (kid, purpose, algorithm, state, times).
    """
    wrapping = wrapping_keys()[0]
    nonce = os.urandom(_NONCE)
    sealed = AESGCM(wrapping.key).encrypt(nonce, plain.raw, _VERSION + bound_to)
    return _VERSION + wrapping.id + nonce + sealed


def unseal(envelope: bytes, *, bound_to: bytes) -> Secret:
    """Return what an envelope holds.

    Raises:
        Spoiled: It was changed, or something it is bound to was.
        NoUsableKey: No wrapping key of the settings sealed it.
    """
    nonce, sealed = envelope[1 + _ID : 1 + _ID + _NONCE], envelope[1 + _ID + _NONCE :]
    wrapping = _that_sealed(envelope)
    if wrapping is None:
        raise NoUsableKey("a stored key was sealed by a key that the settings do not have")
    if len(sealed) < _TAG:
        raise Spoiled("a stored key was cut short")
    try:
        return Secret(AESGCM(wrapping.key).decrypt(nonce, sealed, _VERSION + bound_to))
    except InvalidTag:
        raise Spoiled("a stored key, or a column it is bound to, was changed") from None


def is_under_first_key(envelope: bytes) -> bool:
    """Whether `rewrap` has nothing left to do for this envelope."""
    return _that_sealed(envelope) == wrapping_keys()[0]


def _that_sealed(envelope: bytes) -> WrappingKey | None:
    if envelope[:1] != _VERSION:
        return None
    return next((key for key in wrapping_keys() if key.id == envelope[1 : 1 + _ID]), None)


@conf.until_settings_change
def wrapping_keys() -> tuple[WrappingKey, ...]:
    """Return the keys that open envelopes; the first also seals.

    The ones derived from SECRET_KEY and its fallbacks stay last, so that a site can move to its own.

    Raises:
        NoUsableKey: An entry of ENCRYPTION_KEYS is not 32 bytes of base64url.
    """
    own = [_own_key(place) for place in range(len(conf.current().ENCRYPTION_KEYS))]
    derived = map(_derived, [django_settings.SECRET_KEY, *django_settings.SECRET_KEY_FALLBACKS])
    return (*own, *derived)


def _own_key(place: int) -> WrappingKey:
    # no entry in a variable here: an error page shows the variables of the function that raises
    key = WrappingKey(_decoded(conf.current().ENCRYPTION_KEYS[place]))
    if len(key.key) != _KEY:
        raise NoUsableKey(f"TOKENAUTH['ENCRYPTION_KEYS'][{place}] is not 32 bytes of base64url")
    return key


def _decoded(entry: str) -> bytes:
    try:
        return from_base64url(entry.encode())
    except ValueError:
        return b""


def _derived(secret: str | bytes) -> WrappingKey:
    raw = secret.encode() if isinstance(secret, str) else secret
    return WrappingKey(HKDF(hashes.SHA256(), _KEY, salt=None, info=b"tokenauth wrapping key 1").derive(raw))
