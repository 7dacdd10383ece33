"""Keys in memory: what signs, what verifies, and the constant header of each."""

import hashlib
import hmac
import os
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tokenauth.tokens.encoding import to_base64url, to_json

AccessAlg = Literal["ES256", "EdDSA", "RS256"]

_ECDSA = ec.ECDSA(hashes.SHA256())
_PKCS1 = padding.PKCS1v15()
_SHA256 = hashes.SHA256()
_SMALLEST_RSA = 2048
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_HALF_ORDER = (_P256_ORDER // 2).to_bytes(32, "big")


@dataclass(frozen=True, slots=True)
class Secret:
    """The bytes of a key at rest, in a type that no repr, log line or error page shows."""

    raw: bytes = field(repr=False)


class VerifyingKey(Protocol):
    """Checks signatures of one algorithm: the key's own, whatever a token says."""

    @property
    def kid(self) -> str: ...

    @property
    def header(self) -> bytes:
        """First segment of every token this key signs."""

    def verifies(self, signature: bytes, signed: bytes) -> bool: ...


def header_segment(*, alg: str, kid: str, typ: str) -> bytes:
    """Return the one header that tokens of a key carry, as it stands in them."""
    return to_base64url(to_json({"alg": alg, "kid": kid, "typ": typ})).encode("ascii")


def thumbprint(jwk: dict[str, Any]) -> str:
    """Return the RFC 7638 thumbprint of a public JWK."""
    required = {"EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x"), "RSA": ("e", "kty", "n")}
    members = {name: jwk[name] for name in required[jwk["kty"]]}
    return to_base64url(hashlib.sha256(to_json(members)).digest())


def _unsigned(number: int, size: int) -> str:
    return to_base64url(number.to_bytes(size, "big"))


@dataclass(frozen=True, slots=True)
class Es256Key:
    """ECDSA on P-256. Signatures are in the lower half, so that each token has one spelling."""

    private: ec.EllipticCurvePrivateKey | None = field(repr=False)
    public: ec.EllipticCurvePublicKey
    kid: str
    header: bytes
    alg: AccessAlg = "ES256"

    @classmethod
    def of(cls, private: ec.EllipticCurvePrivateKey, *, typ: str) -> Self:
        kid = thumbprint(_ec_jwk(private.public_key()))
        return cls(private, private.public_key(), kid, header_segment(alg="ES256", kid=kid, typ=typ))

    def sign(self, signed: bytes) -> bytes:
        assert self.private is not None  # noqa: S101 - for the type checker: only keyring keys sign
        r, s = decode_dss_signature(self.private.sign(signed, _ECDSA))
        return r.to_bytes(32, "big") + min(s, _P256_ORDER - s).to_bytes(32, "big")

    def verifies(self, signature: bytes, signed: bytes) -> bool:
        if len(signature) != 64 or signature[32:] > _HALF_ORDER:
            return False
        try:
            self.public.verify(_der(signature), signed, _ECDSA)
        except InvalidSignature:
            return False
        return True

    def jwk(self) -> dict[str, Any]:
        return _ec_jwk(self.public)


def _der(signature: bytes) -> bytes:
    # encode_dss_signature says the same in twice the time, by way of two large integers
    r, s = signature[:32].lstrip(b"\0"), signature[32:].lstrip(b"\0")
    if not r or r[0] > 0x7F:  # zero, or it would be read as negative
        r = b"\0" + r
    if not s or s[0] > 0x7F:
        s = b"\0" + s
    return b"\x30%c\x02%c%b\x02%c%b" % (len(r) + len(s) + 4, len(r), r, len(s), s)


@dataclass(frozen=True, slots=True)
class EddsaKey:
    """Ed25519 (RFC 8037)."""

    private: ed25519.Ed25519PrivateKey | None = field(repr=False)
    public: ed25519.Ed25519PublicKey
    kid: str
    header: bytes
    alg: AccessAlg = "EdDSA"

    @classmethod
    def of(cls, private: ed25519.Ed25519PrivateKey, *, typ: str) -> Self:
        kid = thumbprint(_okp_jwk(private.public_key()))
        return cls(private, private.public_key(), kid, header_segment(alg="EdDSA", kid=kid, typ=typ))

    def sign(self, signed: bytes) -> bytes:
        assert self.private is not None  # noqa: S101 - for the type checker: only keyring keys sign
        return self.private.sign(signed)

    def verifies(self, signature: bytes, signed: bytes) -> bool:
        try:
            self.public.verify(signature, signed)
        except InvalidSignature:
            return False
        return True

    def jwk(self) -> dict[str, Any]:
        return _okp_jwk(self.public)


@dataclass(frozen=True, slots=True)
class Rs256Key:
    """RSA with PKCS #1 v1.5, for resource servers that can do nothing else."""

    private: rsa.RSAPrivateKey | None = field(repr=False)
    public: rsa.RSAPublicKey
    kid: str
    header: bytes
    alg: AccessAlg = "RS256"

    @classmethod
    def of(cls, private: rsa.RSAPrivateKey, *, typ: str) -> Self:
        kid = thumbprint(_rsa_jwk(private.public_key()))
        return cls(private, private.public_key(), kid, header_segment(alg="RS256", kid=kid, typ=typ))

    def sign(self, signed: bytes) -> bytes:
        assert self.private is not None  # noqa: S101 - for the type checker: only keyring keys sign
        return self.private.sign(signed, _PKCS1, _SHA256)

    def verifies(self, signature: bytes, signed: bytes) -> bool:
        try:
            self.public.verify(signature, signed, _PKCS1, _SHA256)
        except InvalidSignature:
            return False
        return True

    def jwk(self) -> dict[str, Any]:
        return _rsa_jwk(self.public)


AccessKey = Es256Key | EddsaKey | Rs256Key


@dataclass(frozen=True, slots=True)
class SymmetricKey:
    """A secret of this server alone: refresh tokens, MACs, peppers."""

    secret: bytes = field(repr=False)
    kid: str
    #: Only refresh keys head tokens.
    header: bytes = b""

    def mac(self, message: bytes) -> bytes:
        """Return HMAC-SHA-256, 32 bytes."""
        return hmac.digest(self.secret, message, "sha256")

    def verifies(self, signature: bytes, signed: bytes) -> bool:
        return hmac.compare_digest(self.mac(signed), signature)


def _ec_jwk(public: ec.EllipticCurvePublicKey) -> dict[str, Any]:
    numbers = public.public_numbers()
    return {"kty": "EC", "crv": "P-256", "x": _unsigned(numbers.x, 32), "y": _unsigned(numbers.y, 32)}


def _okp_jwk(public: ed25519.Ed25519PublicKey) -> dict[str, Any]:
    return {"kty": "OKP", "crv": "Ed25519", "x": to_base64url(public.public_bytes_raw())}


def _rsa_jwk(public: rsa.RSAPublicKey) -> dict[str, Any]:
    numbers = public.public_numbers()
    size = (numbers.n.bit_length() + 7) // 8
    return {
        "kty": "RSA",
        "n": _unsigned(numbers.n, size),
        "e": _unsigned(numbers.e, (numbers.e.bit_length() + 7) // 8),
    }


def new_access_secret(alg: AccessAlg) -> Secret:
    """Return a new private key of that algorithm as PKCS #8 DER."""
    private: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
    match alg:
        case "ES256":
            private = ec.generate_private_key(ec.SECP256R1())
        case "EdDSA":
            private = ed25519.Ed25519PrivateKey.generate()
        case "RS256":
            private = rsa.generate_private_key(public_exponent=65537, key_size=_SMALLEST_RSA)
    return Secret(
        private.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


def access_key(secret: Secret, *, typ: str = "at+jwt") -> AccessKey:
    """Return the key that a PKCS #8 DER holds; its algorithm follows from its type.

    Raises:
        ValueError: It is no key of an algorithm that access tokens use.
    """
    private = serialization.load_der_private_key(secret.raw, password=None)
    match private:
        case ec.EllipticCurvePrivateKey() if isinstance(private.curve, ec.SECP256R1):
            return Es256Key.of(private, typ=typ)
        case ed25519.Ed25519PrivateKey():
            return EddsaKey.of(private, typ=typ)
        case rsa.RSAPrivateKey() if private.key_size >= _SMALLEST_RSA:
            return Rs256Key.of(private, typ=typ)
    raise ValueError("not a key for access tokens")


def new_symmetric_secret() -> Secret:
    """Return 256 random bits."""
    return Secret(os.urandom(32))


def new_symmetric_kid() -> str:
    """Return a random key id: a symmetric key has no thumbprint that could be published."""
    return to_base64url(os.urandom(16))
