"""Keys in memory."""

import hashlib
import pickle

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import example, given
from hypothesis import strategies as st

from tests.tokens.world import ALGS, key
from tokenauth.tokens.encoding import from_base64url, from_json_object
from tokenauth.tokens.keys import (
    Secret,
    SymmetricKey,
    _der,
    access_key,
    header_segment,
    new_access_secret,
    new_symmetric_kid,
    new_symmetric_secret,
    thumbprint,
)

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

RFC7638 = {
    "kty": "RSA",
    "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJE"
    "CPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2Q"
    "vzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6"
    "WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
    "e": "AQAB",
    "alg": "RS256",
    "kid": "2011-04-29",
}
RFC8037 = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}


@pytest.mark.standard("7638-02")
def test_thumbprint_of_the_example_in_rfc_7638():
    assert thumbprint(RFC7638) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


@pytest.mark.standard("7638-02")
def test_thumbprint_of_the_example_in_rfc_8037():
    assert thumbprint(RFC8037) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_the_key_of_rfc_8037_signs_as_it_says():
    """RFC 8037 A.4."""
    seed = from_base64url(b"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
    private = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
    example = access_key(Secret(private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())))
    signed = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"

    signature = example.sign(signed)

    assert example.kid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    assert signature == from_base64url(
        b"hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    )


@pytest.mark.parametrize("alg", ALGS)
class TestEachAlgorithm:
    def test_verifies_what_it_signed(self, alg):
        assert key(alg).verifies(key(alg).sign(b"message"), b"message")

    def test_refuses_another_message(self, alg):
        assert not key(alg).verifies(key(alg).sign(b"message"), b"messagf")

    def test_refuses_another_keys_signature(self, alg):
        assert not key(alg).verifies(key(alg, "another").sign(b"message"), b"message")

    def test_refuses_a_signature_with_any_bit_turned(self, alg):
        signature = key(alg).sign(b"message")

        for place in range(0, len(signature) * 8, 3):
            turned = bytearray(signature)
            turned[place // 8] ^= 1 << place % 8
            assert not key(alg).verifies(bytes(turned), b"message")

    @pytest.mark.parametrize("size", [0, 1, 31, 32, 63, 64, 65, 70, 72, 96, 128, 255, 256, 257, 1000])
    @pytest.mark.parametrize("filling", [b"\x00", b"\x01", b"\x30", b"\xff"])
    def test_refuses_a_signature_that_is_none_whatever_its_size(self, alg, size, filling):
        assert key(alg).verifies(filling * size, b"message") is False

    @pytest.mark.parametrize(
        "change", [lambda s: s[:-1], lambda s: s + b"\x00", lambda s: b"\x00" + s, lambda s: s[1:]]
    )
    def test_refuses_a_signature_cut_or_stretched(self, alg, change):
        assert not key(alg).verifies(change(key(alg).sign(b"message")), b"message")

    @pytest.mark.standard("7638-01")
    def test_is_named_by_its_thumbprint(self, alg):
        assert key(alg).kid == thumbprint(key(alg).jwk())

    def test_heads_its_tokens_with_alg_kid_and_typ(self, alg):
        header = from_json_object(from_base64url(key(alg).header))

        assert header == {"alg": alg, "kid": key(alg).kid, "typ": "at+jwt"}

    def test_comes_back_from_rest_as_the_same_key(self, alg):
        secret = new_access_secret(alg)

        assert access_key(secret).kid == access_key(secret).kid

    def test_shows_nothing_private(self, alg):
        secret = new_access_secret(alg)
        shown = f"{secret!r} {secret} {access_key(secret)!r}"

        assert repr(secret.raw)[4:30] not in shown
        assert secret.raw.hex()[:40] not in shown
        assert "private" not in shown

    def test_cannot_be_pickled_into_a_cache_or_a_broker(self, alg):
        with pytest.raises(TypeError):
            pickle.dumps(key(alg))


class TestEs256:
    def test_signs_in_the_lower_half_always(self):
        for message in range(40):
            signature = key("ES256").sign(str(message).encode())
            assert int.from_bytes(signature[32:], "big") <= P256_ORDER // 2

    def test_refuses_the_same_signature_in_the_upper_half(self):
        """A second spelling of one token."""
        signature = key("ES256").sign(b"message")
        upper = P256_ORDER - int.from_bytes(signature[32:], "big")
        twin = signature[:32] + upper.to_bytes(32, "big")

        key("ES256").public.verify(
            _as_der(twin), b"message", ec.ECDSA(hashes.SHA256())
        )  # any other library takes it
        assert not key("ES256").verifies(twin, b"message")

    @given(st.integers(0, 2**256 - 1), st.integers(0, 2**256 - 1))
    @example(0, 0)
    @example(0x7F, 0x80)
    @example(2**255, 2**248 - 1)
    def test_hands_on_the_numbers_as_any_other_would(self, r, s):
        raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")

        assert _der(raw) == encode_dss_signature(r, s)

    def test_refuses_the_der_form(self):
        signature = key("ES256").sign(b"message")

        assert not key("ES256").verifies(_as_der(signature), b"message")

    @pytest.mark.parametrize("r", [0, 1, P256_ORDER, P256_ORDER + 1, 2**256 - 1])
    @pytest.mark.parametrize("s", [0, 1, P256_ORDER // 2, P256_ORDER, 2**256 - 1])
    def test_refuses_numbers_out_of_range(self, r, s):
        """CVE-2022-21449: zeros verified everything."""
        assert not key("ES256").verifies(r.to_bytes(32, "big") + s.to_bytes(32, "big"), b"message")


def _as_der(signature):
    return encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))


@pytest.mark.parametrize(
    "private",
    [
        pytest.param(ec.generate_private_key(ec.SECP384R1()), id="P-384"),
        pytest.param(ec.generate_private_key(ec.SECP256K1()), id="secp256k1"),
        pytest.param(rsa.generate_private_key(65537, 1024), id="RSA 1024"),
    ],
)
def test_a_key_of_another_kind_or_size_signs_no_token(private):
    secret = Secret(private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))

    with pytest.raises(ValueError, match="not a key for access tokens"):
        access_key(secret)


def test_a_public_exponent_other_than_65537_is_spelled_without_leading_zeros():
    private = rsa.generate_private_key(3, 2048)
    secret = Secret(private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))

    assert access_key(secret).jwk()["e"] == "Aw"


class TestSymmetric:
    @pytest.mark.standard("8725-05")
    def test_secrets_are_256_random_bits(self):
        assert len(new_symmetric_secret().raw) == 32
        assert new_symmetric_secret() != new_symmetric_secret()
        assert new_symmetric_kid() != new_symmetric_kid()

    def test_mac_is_hmac_sha256(self):
        """RFC 4231, test case 2."""
        mac = SymmetricKey(b"Jefe", "kid").mac(b"what do ya want for nothing?")

        assert mac.hex() == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"

    @pytest.mark.parametrize("signature", [b"", b"\x00" * 32, b"\xff" * 31, b"x" * 1000])
    def test_refuses_what_is_no_mac(self, signature):
        assert SymmetricKey(b"secret", "kid").verifies(signature, b"message") is False

    def test_shows_nothing_secret(self):
        assert "hunter2" not in repr(SymmetricKey(b"hunter2", "kid"))


def test_the_header_is_json_in_one_order():
    assert from_base64url(header_segment(alg="ES256", kid="k", typ="at+jwt")) == (
        b'{"alg":"ES256","kid":"k","typ":"at+jwt"}'
    )


def test_a_thumbprint_hashes_the_required_members_alone_in_order():
    """RFC 7638 3.3."""
    canonical = b'{"crv":"P-256","kty":"EC","x":"eA","y":"eQ"}'
    expected = hashlib.sha256(canonical).digest()

    assert from_base64url(
        thumbprint({"y": "eQ", "use": "sig", "x": "eA", "kty": "EC", "crv": "P-256"}).encode()
    ) == (expected)
