"""The issuer's public keys: cached as long as it says, asked for anew when an unknown one is named."""

import threading
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tokenauth.observability import log
from tokenauth.resource.http import Http, Unreachable
from tokenauth.resource.metadata import Endpoints
from tokenauth.revocation import clock
from tokenauth.tokens.encoding import from_base64url
from tokenauth.tokens.keys import AccessKey, EddsaKey, Es256Key, Rs256Key, header_segment

#: Seconds after a question for keys in which an unknown key asks for none.
COOL_DOWN = 30
#: Seconds that keys are kept, whatever the issuer says.
_SHORTEST, _LONGEST = 30, 86_400
_MOST_KEYS = 100
_MOST_UNKNOWN = 1_000
_LONGEST_HEADER = 512
_SMALLEST_RSA, _LARGEST_RSA = 2048, 8192


class KeySet:
    """The keys by the first segment of the tokens that they sign."""

    def __init__(self, http: Http, endpoints: Endpoints) -> None:
        self._http, self._endpoints = http, endpoints
        self._keys: Mapping[bytes, AccessKey] = {}
        self._permitted: tuple[object, frozenset[str], Mapping[bytes, AccessKey]] | None = None
        #: Headers that the issuer was asked for in vain.
        self._unknown: set[bytes] = set()
        self._asked_at = float("-inf")
        self._due_at = float("-inf")
        self._asking = threading.Lock()

    def permitted(self, algorithms: frozenset[str]) -> Mapping[bytes, AccessKey]:
        """Return the keys of these algorithms; of all that there are where none is named."""
        held = self._permitted
        if held is None or held[0] is not self._keys or held[1] != algorithms:
            keys = self._keys
            chosen = {header: key for header, key in keys.items() if key.alg in algorithms or not algorithms}
            held = self._permitted = (keys, algorithms, chosen)
        return held[2]

    def look_for(self, header: bytes, *, seconds: float) -> bool:
        """Ask the issuer for a key that nobody here knows, once for all who miss it.

        Returns:
            Whether it is there now. At most one question in COOL_DOWN, whatever strangers send.
        """
        if len(header) > _LONGEST_HEADER or header in self._unknown:
            return False
        with _held(self._asking, seconds) as is_held:
            if is_held and header not in self._keys and clock.now() - self._asked_at > COOL_DOWN:
                self._ask(seconds)
                if header not in self._keys and len(self._unknown) < _MOST_UNKNOWN:
                    self._unknown.add(header)
        return header in self._keys

    def refresh(self, *, seconds: float) -> None:
        """Ask again once what is held is as old as the issuer allows; who comes meanwhile uses it on."""
        if clock.now() < self._due_at:
            return
        with _held(self._asking, 0) as is_held:
            if is_held and clock.now() >= self._due_at and clock.now() - self._asked_at > _SHORTEST:
                self._unknown = set()
                self._ask(seconds)

    def after_fork(self) -> None:
        self._asking = threading.Lock()

    def __len__(self) -> int:
        return len(self._keys)

    def _ask(self, seconds: float) -> None:
        self._asked_at = clock.now()
        try:
            reply = self._http.get(self._endpoints.jwks(seconds=seconds), seconds=seconds)
            keys = read(reply.members)
        except (Unreachable, ValueError) as failure:
            # what is held still counts: a killed key is told by the feed and by introspection
            log.note("keys_not_fetched", level=30, error=str(failure))
            return
        self._keys = keys
        self._due_at = self._asked_at + min(max(reply.max_age, _SHORTEST), _LONGEST)


class _held:
    """A lock for the length of a `with`, if it is free within so many seconds."""

    def __init__(self, lock: threading.Lock, seconds: float) -> None:
        self._lock, self._seconds = lock, seconds

    def __enter__(self) -> bool:
        self._is_held = (
            self._lock.acquire(timeout=self._seconds) if self._seconds else self._lock.acquire(False)
        )
        return self._is_held

    def __exit__(self, *error: object) -> None:
        if self._is_held:
            self._lock.release()


def read(members: Mapping[str, Any]) -> dict[bytes, AccessKey]:
    """Return the keys of a JWK set; what this release does not know is left out (RFC 7517 5).

    Raises:
        ValueError: It is no JWK set, or an empty one.
    """
    listed = members.get("keys")
    if type(listed) is not list or len(listed) > _MOST_KEYS:
        raise ValueError("not a JWK set")
    keys = {key.header: key for jwk in listed if (key := _key(jwk)) is not None}
    if not keys:
        raise ValueError("no key that this release knows")
    return keys


def _key(jwk: object) -> AccessKey | None:
    if type(jwk) is not dict or jwk.get("use", "sig") != "sig":
        return None
    kid, alg = jwk.get("kid"), jwk.get("alg")
    if type(kid) is not str or not 0 < len(kid) <= 64 or alg not in _READERS:
        return None
    try:
        return _READERS[alg](jwk, kid, header_segment(alg=alg, kid=kid, typ="at+jwt"))
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _es256(jwk: dict[str, Any], kid: str, header: bytes) -> AccessKey:
    if (jwk["kty"], jwk["crv"]) != ("EC", "P-256"):
        raise ValueError("another curve")
    numbers = ec.EllipticCurvePublicNumbers(_integer(jwk["x"]), _integer(jwk["y"]), ec.SECP256R1())
    return Es256Key(None, numbers.public_key(), kid, header)


def _eddsa(jwk: dict[str, Any], kid: str, header: bytes) -> AccessKey:
    if (jwk["kty"], jwk["crv"]) != ("OKP", "Ed25519"):
        raise ValueError("another curve")
    public = ed25519.Ed25519PublicKey.from_public_bytes(from_base64url(jwk["x"].encode("ascii")))
    return EddsaKey(None, public, kid, header)


def _rs256(jwk: dict[str, Any], kid: str, header: bytes) -> AccessKey:
    if jwk["kty"] != "RSA":
        raise ValueError("another type")
    public = rsa.RSAPublicNumbers(_integer(jwk["e"]), _integer(jwk["n"])).public_key()
    if not _SMALLEST_RSA <= public.key_size <= _LARGEST_RSA:
        raise ValueError("too small or too large")
    return Rs256Key(None, public, kid, header)


def _integer(text: str) -> int:
    return int.from_bytes(from_base64url(text.encode("ascii")), "big")


_READERS = {"ES256": _es256, "EdDSA": _eddsa, "RS256": _rs256}
