"""Known attacks on JWTs, the whole kind of each. The header is looked up and never obeyed (RFC 8725)."""

import base64
import hmac
import http.server
import json
import threading
import zlib

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.tokens.world import (
    ALGS,
    ISSUER,
    NOW,
    SESSION,
    accepted,
    judged,
    key,
    members,
    resigned,
    segment,
    signed,
    token,
)
from tokenauth.errors import Cause, Refused
from tokenauth.tokens import keys, refresh
from tokenauth.tokens.encoding import from_base64url, to_base64url
from tokenauth.tokens.keyring import REFRESH_TYP

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def header(**changes):
    """The own key's header with members changed or, by `...`, taken out."""
    changed = {"alg": "ES256", "kid": key().kid, "typ": "at+jwt", **changes}
    return {name: value for name, value in changed.items() if value is not ...}


def hs256(unsigned, secret):
    return unsigned + b"." + to_base64url(hmac.digest(secret, unsigned, "sha256")).encode()


class TestAlgorithm:
    @pytest.mark.standard("8725-03")
    @pytest.mark.standard("9068-01")
    @pytest.mark.standard("9068-06")
    @pytest.mark.parametrize(
        "alg",
        [
            "none",
            "None",
            "NONE",
            "nOnE",
            "none ",
            " none",
            "n\u00f6ne",
            "",
            None,
            [],
            ["none"],
            {},
            0,
            False,
            ...,
        ],
    )
    @pytest.mark.parametrize("signature", [b"", b"AA", b"bm9uZQ"])
    def test_none_in_any_spelling(self, alg, signature):
        unsigned = segment(header(alg=alg)) + b"." + token().split(b".")[1]

        assert not accepted(unsigned + b"." + signature)

    @pytest.mark.standard("8725-03")
    def test_the_own_header_without_a_signature(self):
        unsigned = token().rpartition(b".")[0]

        assert not accepted(unsigned + b".")
        assert not accepted(unsigned)

    @pytest.mark.standard("8725-01")
    @pytest.mark.parametrize(
        "alg",
        [
            "es256",
            "ES384",
            "ES512",
            "ES256K",
            "HS256",
            "HS512",
            "RS256",
            "PS256",
            "EdDSA",
            "Ed25519",
            "dir",
            "A128KW",
        ],
    )
    def test_another_name_under_a_signature_that_holds(self, alg):
        assert not accepted(signed(members(), header=header(alg=alg)))

    @pytest.mark.standard("8725-02")
    def test_another_keys_algorithm_for_this_keys_kid(self):
        every = [key(alg) for alg in ALGS]

        for mine in every:
            for other in every:
                first = keys.header_segment(alg=other.alg, kid=mine.kid, typ="at+jwt")
                forged = signed(members(), mine, header=first)
                assert accepted(forged, *every) is (mine is other)

    @pytest.mark.standard("8725-02")
    def test_another_keys_header_over_this_keys_signature(self):
        assert not accepted(
            signed(members(), key("EdDSA"), header=key("ES256").header), key("ES256"), key("EdDSA")
        )


def _public_forms():
    for alg in ALGS:
        public = key(alg).public
        pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        jwk = key(alg).jwk()
        forms = {
            "PEM": pem,
            "PEM without the last line break": pem.rstrip(),
            "PEM with CRLF": pem.replace(b"\n", b"\r\n"),
            "PEM in one line": pem.replace(b"\n", b""),
            "DER": der,
            "base64 of DER": base64.b64encode(der),
            "JWK": json.dumps(jwk).encode(),
            "JWK compact": json.dumps(jwk, separators=(",", ":")).encode(),
            "JWK of the JWKS": json.dumps(jwk | {"use": "sig", "alg": alg, "kid": key(alg).kid}).encode(),
            "x": jwk.get("x", "").encode(),
            "x raw": from_base64url(jwk.get("x", "").encode()),
            "n": jwk.get("n", "").encode(),
            "n raw": from_base64url(jwk.get("n", "").encode()),
            "kid": key(alg).kid.encode(),
            "kid raw": from_base64url(key(alg).kid.encode()),
            "nothing": b"",
        }
        if alg == "RS256":
            forms["PEM, PKCS 1"] = public.public_bytes(Encoding.PEM, PublicFormat.PKCS1)
        if alg == "ES256":
            forms["point"] = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
            forms["point, compressed"] = public.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
        if alg == "EdDSA":
            forms["OpenSSH"] = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        for name, form in forms.items():
            yield pytest.param(key(alg), form, id=f"{alg} {name}")


class TestConfusion:
    """The public key as the secret of an HMAC (CVE-2015-9235, CVE-2022-29217)."""

    @pytest.mark.standard("8725-01")
    @pytest.mark.parametrize(("attacked", "secret"), [*_public_forms()])
    def test_any_form_of_the_public_key_as_hmac_secret(self, attacked, secret):
        payload = token(attacked).split(b".")[1]
        for first in (segment(header(alg="HS256", kid=attacked.kid)), attacked.header):
            assert not accepted(hs256(first + b"." + payload, secret), attacked)


class TestKid:
    @pytest.mark.standard("8725-09")
    @pytest.mark.parametrize(
        "kid",
        [
            "../../../../dev/null",
            "/etc/passwd",
            "' OR 1=1 --",
            "x' UNION SELECT 'AA",
            "|whoami",
            "http://127.0.0.1/",
            "",
            " ",
            "\x00",
            "%00",
            "k" * 5000,
            None,
            True,
            0,
            1.5,
            [],
            ["a"],
            {},
            {"$ne": ""},
            "\ud800",
            ...,
        ],
    )
    def test_a_hostile_kid_is_a_key_nobody_has(self, kid):
        forged = signed(members(), header=header(kid=kid))

        assert judged(forged) in (Refused(Cause.SIGNATURE), Refused(Cause.MALFORMED))

    def test_an_empty_secret_for_a_kid_nobody_has(self):
        payload = token().split(b".")[1]

        assert not accepted(hs256(segment(header(alg="HS256", kid="/dev/null")) + b"." + payload, b""))
        assert not accepted(hs256(b"." + payload, b""))

    def test_an_own_key_under_the_attacked_keys_kid(self):
        mine = keys.access_key(keys.new_access_secret("ES256"))

        assert not accepted(signed(members(), mine, header=key().header))


class _Listener(http.server.BaseHTTPRequestHandler):
    seen: list[str] = []

    def do_GET(self):
        self.seen.append(self.path)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture
def listener():
    """Somebody who must not be asked."""
    _Listener.seen = []
    with http.server.HTTPServer(("127.0.0.1", 0), _Listener) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class TestKeysInTheHeader:
    @pytest.mark.standard("8725-09")
    def test_the_attackers_key_is_neither_used_nor_fetched(self, listener):
        mine = keys.access_key(keys.new_access_secret("ES256"))
        jwk = mine.jwk()
        der = base64.b64encode(
            mine.public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        ).decode()
        brought = [
            {"jwk": jwk},
            {"jwk": {**jwk, "kid": key().kid}},
            {"jku": listener + "/jku"},
            {"x5u": listener + "/x5u"},
            {"x5c": [der]},
            {"x5t": "AAAA"},
            {"x5t#S256": "AAAA"},
            {"jwk": jwk, "jku": listener, "x5u": listener},
            {"keys": [jwk]},
            {"jku": ISSUER + "@" + listener},
            {"epk": jwk},
        ]

        for members_of_header in brought:
            for kid in (mine.kid, key().kid, ...):
                assert not accepted(signed(members(), mine, header=header(kid=kid, **members_of_header)))
        assert _Listener.seen == []

    def test_a_public_key_on_the_attackers_curve_is_never_built(self):
        """CVE-2020-0601: parameters brought along."""
        other = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
        jwk = {"kty": "EC", "crv": "P-256", "x": str(other.x), "y": str(other.y), "g": "AQ"}

        assert not accepted(signed(members(), header=header(jwk=jwk)))


class TestHeader:
    @pytest.mark.standard("7515-01")
    @pytest.mark.parametrize(
        "more",
        [
            {"crit": ["exp"], "exp": NOW},
            {"crit": ["b64"], "b64": False},
            {"crit": []},
            {"crit": "exp"},
            {"crit": None},
            {"crit": ["http://x.test/unknown"], "http://x.test/unknown": 1},
            {"crit": ["alg"]},
            {"b64": False},
            {"b64": True},
            {"crit": ["b64", "b64"], "b64": True},
            {"zip": "DEF"},
            {"zip": "none"},
            {"cty": "JWT"},
            {"enc": "A128GCM"},
            {"iss": ISSUER},
            {"aud": ISSUER},
            {"p2c": 10**9, "p2s": "AA"},
            {"anything": "else"},
        ],
        ids=json.dumps,
    )
    def test_any_further_member_under_a_signature_that_holds(self, more):
        assert not accepted(signed(members(), header=header(**more)))

    @pytest.mark.standard("7515-01")
    def test_a_payload_that_was_not_encoded(self):
        """RFC 7797."""
        first = segment(header(crit=["b64"], b64=False))

        assert not accepted(resigned(first + b"." + json.dumps(members()).encode()))

    @pytest.mark.standard("8725-10")
    @pytest.mark.standard("9068-03")
    @pytest.mark.parametrize(
        "typ",
        [
            "JWT",
            "jwt",
            "AT+JWT",
            "at+jwt ",
            "rt+jwt",
            "dpop+jwt",
            "id+jwt",
            "secevent+jwt",
            "logout+jwt",
            "token-introspection+jwt",
            "statuslist+jwt",
            "application/jwt",
            "application/at+jwt",
            "",
            None,
            1,
            ...,
        ],
    )
    def test_any_type_but_the_one_we_write(self, typ):
        """`application/at+jwt` would mean the same; nothing of ours says it, and nobody else signs for us."""
        assert not accepted(signed(members(), header=header(typ=typ)))

    def test_the_same_header_in_another_spelling(self):
        plain = from_base64url(key().header)
        spellings = [
            json.dumps(header()).encode(),
            plain + b" ",
            b" " + plain,
            plain + b"\n",
            b"\xef\xbb\xbf" + plain,
            plain[:-1] + b',"alg":"ES256"}',
            b'{"alg":"none",' + plain[1:],
            plain[:-1] + b',"alg":"none"}',
            json.dumps(dict(reversed(header().items())), separators=(",", ":")).encode(),
            plain.replace(b"alg", b"\\u0061lg"),
            plain.decode().encode("utf-16"),
            plain.replace(b"at+jwt", b"at\\u002bjwt"),
            plain.replace(b'"alg"', b'"ALG"'),
        ]

        for spelling in spellings:
            assert not accepted(signed(members(), header=to_base64url(spelling).encode()))

    def test_the_own_header_with_padding_or_whitespace(self):
        own = key().header
        for first in (
            own + b"=",
            own + b"==",
            own + b"\n",
            b" " + own,
            own[:20] + b"\n" + own[20:],
            own.swapcase(),
        ):
            assert not accepted(signed(members(), header=first))


class TestSerialisation:
    @pytest.mark.standard("8725-12")
    def test_json_forms(self):
        first, payload, signature = (part.decode() for part in token().split(b"."))
        flat = {"protected": first, "payload": payload, "signature": signature}
        general = {"payload": payload, "signatures": [{"protected": first, "signature": signature}]}

        for form in (flat, general, [flat], {**flat, "header": {"alg": "none"}}, token().decode()):
            assert not accepted(json.dumps(form).encode())

    def test_json_hidden_around_the_dots(self):
        """CVE-2022-3102: read as JSON by one library and as compact by another."""
        first, payload, signature = (part.decode() for part in token().split(b"."))
        both = (
            '{"'
            + first
            + '":"","protected":"'
            + first
            + '","payload":".'
            + payload
            + '.","signature":"'
            + signature
        )

        assert not accepted(both.encode() + b'"}')

    @pytest.mark.standard("8725-04")
    def test_five_segments_are_no_token(self):
        first, payload, signature = token().split(b".")

        for parts in (
            [first, b"", b"", payload, signature],
            [first, payload, payload, payload, signature],
            [segment({"alg": "dir", "enc": "A128GCM"}), b"", b"AAAAAAAAAAAAAAAA", payload, signature],
        ):
            assert not accepted(b".".join(parts))

    def test_more_or_fewer_segments_are_no_token(self):
        good = token()
        first, payload, signature = good.split(b".")

        for forged in (
            b"",
            b".",
            b"..",
            b"...",
            first,
            first + b".",
            first + b"." + payload,
            b"." + payload + b"." + signature,
            first + b".." + signature,
            good + b".",
            b"." + good,
            good + b"." + signature,
            good + good,
            good + b"." + good,
        ):
            assert not accepted(forged)

    def test_an_empty_segment_that_is_signed(self):
        first, payload, _ = token().split(b".")

        assert not accepted(resigned(first + b"." + payload + b"."))
        assert not accepted(resigned(first + b".." + payload))
        assert not accepted(resigned(first + b"."))
        assert not accepted(resigned(first))

    @pytest.mark.standard("8725-04")
    def test_a_token_within_a_token(self):
        assert not accepted(signed(token()))
        assert not accepted(signed(json.dumps(token().decode()).encode()))

    @pytest.mark.standard("8725-13")
    def test_a_compressed_payload(self):
        assert not accepted(signed(zlib.compress(json.dumps(members()).encode())))
        assert not accepted(
            signed(zlib.compress(json.dumps(members()).encode())[2:-4], header=header(zip="DEF"))
        )


class TestPayload:
    @pytest.mark.standard("7519-04")
    @pytest.mark.parametrize("name", ["sub", "exp", "aud", "ep", "iss", "\\u0073ub"])
    def test_a_name_twice(self, name):
        plain = json.dumps(members()).encode()

        assert judged(signed(plain[:-1] + f',"{name}":1,"{name}":1}}'.encode())) == Refused(Cause.MALFORMED)

    @pytest.mark.standard("8725-06")
    @pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "utf-8-sig", "cp037"])
    def test_another_encoding(self, encoding):
        text = json.dumps(members(sub="\u00fc"), ensure_ascii=False)

        assert not accepted(signed(text.encode(encoding)))

    @pytest.mark.standard("8725-06")
    @pytest.mark.parametrize(
        "sub", [b"\xff", b"\xed\xa0\x80", b"\\ud800", b"\\udc00\\ud800", b"\xc0\x80", b"\x00"]
    )
    def test_a_subject_that_is_no_text(self, sub):
        assert not accepted(signed(json.dumps(members(sub="SUB")).encode().replace(b"SUB", sub)))

    @pytest.mark.parametrize(
        "payload", [b"null", b"[]", b'"x"', b"1", b"{}", b"", b"true", b"[[[[", b"{" * 4000]
    )
    def test_anything_but_an_object_of_claims(self, payload):
        assert not accepted(signed(payload))

    @pytest.mark.standard("7515-02")
    def test_another_spelling_of_the_segment_under_a_signature_that_holds(self):
        first, payload, _ = token(scope="??>>??>>").split(b".")
        standard = payload.replace(b"-", b"+").replace(b"_", b"/")
        assert standard != payload

        for spelling in (
            standard,
            payload + b"=",
            payload + b"==",
            payload + b"\n",
            payload + b"%3D",
            b" " + payload,
            payload[:8] + b"\r\n" + payload[8:],
            payload[:-1],
            payload + b"A",
            payload.replace(b"-", b"%2D"),
        ):
            assert not accepted(resigned(first + b"." + spelling))

    @pytest.mark.standard("7515-02")
    def test_spare_bits(self):
        """Two spellings of one token: revoking one of them would leave the other."""
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        for good in (token(key(alg), sub="4" * more) for alg in ALGS for more in (1, 2, 3)):
            twins = [good[:-1] + end.encode() for end in alphabet if end.encode() != good[-1:]]
            assert not any(accepted(twin, *(key(alg) for alg in ALGS)) for twin in twins)


class TestSignature:
    def test_the_twin_of_an_ecdsa_signature(self):
        unsigned, _, signature = token().rpartition(b".")
        raw = from_base64url(signature)
        upper = (P256_ORDER - int.from_bytes(raw[32:], "big")).to_bytes(32, "big")

        assert not accepted(unsigned + b"." + to_base64url(raw[:32] + upper).encode())

    def test_the_twin_of_an_ed25519_signature(self):
        order = 2**252 + 27742317777372353535851937790883648493
        unsigned, _, signature = token(key("EdDSA")).rpartition(b".")
        raw = from_base64url(signature)
        twin = raw[:32] + (int.from_bytes(raw[32:], "little") + order).to_bytes(32, "little")

        assert not accepted(unsigned + b"." + to_base64url(twin).encode(), key("EdDSA"))

    def test_the_twin_of_an_rsa_signature(self):
        modulus = key("RS256").public.public_numbers().n
        unsigned, _, signature = token(key("RS256")).rpartition(b".")
        twin = int.from_bytes(from_base64url(signature), "big") + modulus

        for size in (256, 257):
            if twin < 256**size:
                assert not accepted(
                    unsigned + b"." + to_base64url(twin.to_bytes(size, "big")).encode(), key("RS256")
                )

    def test_another_spelling_of_the_signature(self):
        unsigned, _, signature = token(key("RS256")).rpartition(b".")
        standard = signature.replace(b"-", b"+").replace(b"_", b"/")

        for spelling in (
            signature + b"=",
            signature + b"==",
            signature + b"\n",
            b" " + signature,
            standard + b"==",
        ):
            assert not accepted(unsigned + b"." + spelling, key("RS256"))


class TestTokensOfAnotherKind:
    """RFC 8725 3.11: each kind has its own typ and its own key."""

    identity = refresh.Identity(
        id=judged(token()).sid,
        secret=b"s" * 32,
        user_key="42",
        client_pk=1,
        device_pk=judged(token()).did,
        audience=ISSUER,
        jkt="",
        transport=1,
    )
    refresh_key = keys.SymmetricKey(
        b"r" * 32, "refresh", keys.header_segment(alg="HS256", kid="refresh", typ=REFRESH_TYP)
    )

    def refresh_token(self):
        return refresh.made(
            self.identity, self.refresh_key, issuer=ISSUER, generation=0, branch=0, iat=NOW, exp=NOW + 3600
        )

    def read(self, text):
        return refresh.read(text, keys={self.refresh_key.header: self.refresh_key}, issuer=ISSUER)

    @pytest.mark.standard("8725-11")
    def test_a_refresh_token_in_place_of_an_access_token(self):
        for shown in (self.refresh_token(), self.refresh_token().removeprefix(refresh.PREFIX)):
            assert not accepted(shown.encode())

    @pytest.mark.standard("8725-11")
    def test_even_a_verifier_that_held_the_refresh_key_would_refuse_its_claims(self):
        shown = self.refresh_token().removeprefix(refresh.PREFIX).encode()

        assert judged(shown, self.refresh_key) == Refused(Cause.MALFORMED)

    @pytest.mark.standard("8725-11")
    def test_an_access_token_in_place_of_a_refresh_token(self):
        for prefix in ("", refresh.PREFIX):
            assert self.read(prefix + token().decode()) == Refused(Cause.SIGNATURE)

    @pytest.mark.standard("8725-11")
    def test_a_refresh_token_signed_by_an_access_key(self):
        """Its typ would be right, its key is of another purpose."""
        payload = {
            "iss": ISSUER,
            "sid": SESSION,
            "gen": 0,
            "br": 0,
            "jti": "A" * 43,
            "iat": NOW,
            "exp": NOW + 9,
            "v": 1,
        }
        forged = signed(payload, header={"alg": "ES256", "kid": key().kid, "typ": "rt+jwt"})

        assert self.read(refresh.PREFIX + forged.decode()) == Refused(Cause.SIGNATURE)

    @pytest.mark.standard("8725-11")
    @pytest.mark.parametrize(
        "payload",
        [
            pytest.param(
                {"iss": ISSUER, "sub": "42", "aud": "web", "iat": NOW, "exp": NOW + 300, "nonce": "n"},
                id="ID token",
            ),
            pytest.param({"htm": "GET", "htu": ISSUER, "iat": NOW, "jti": "x"}, id="DPoP proof"),
            pytest.param({"iss": ISSUER, "iat": NOW, "jti": "x", "events": {}}, id="security event"),
            pytest.param(
                {"iss": ISSUER, "iat": NOW, "token_introspection": {"active": True}}, id="introspection"
            ),
            pytest.param(
                {"sub": ISSUER, "iat": NOW, "exp": NOW + 9, "status_list": {"bits": 1, "lst": "eA"}},
                id="status list",
            ),
        ],
    )
    def test_claims_of_another_kind_even_under_the_right_header(self, payload):
        assert judged(signed(payload)) == Refused(Cause.MALFORMED)
