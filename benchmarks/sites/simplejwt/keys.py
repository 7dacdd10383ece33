"""A key pair for each algorithm, in the form simplejwt takes: the same in every process where it can be."""

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa


def pair(alg: str) -> tuple[str, str]:
    """Return signing and verifying key; the second is empty for a shared secret."""
    private: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
    match alg:
        case "HS256":
            return "only-for-measuring-and-of-no-use-anywhere-else", ""
        case "ES256":
            private = ec.derive_private_key(0xB, ec.SECP256R1())
        case "EdDSA":
            private = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))
        case _:
            private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    signing = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    verifying = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return signing.decode(), verifying.decode()
