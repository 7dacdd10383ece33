"""Making access tokens."""

import pytest

from tests.tokens.world import ALGS, ISSUER, claims, key
from tokenauth.tokens import access
from tokenauth.tokens.encoding import from_base64url, from_json_object

SECRET = b"s" * 32
ANSWER = {"generation": 3, "branch": 0, "scope": "orders:read", "audience": ISSUER, "jkt": ""}


@pytest.mark.standard("9068-01")
@pytest.mark.standard("9068-02")
@pytest.mark.parametrize("alg", ALGS)
def test_a_token_is_header_claims_and_signature(alg):
    header, payload, signature = access.signed(claims(), key(alg)).encode().split(b".")

    assert from_json_object(from_base64url(header)) == {"alg": alg, "kid": key(alg).kid, "typ": "at+jwt"}
    assert from_json_object(from_base64url(payload)) == claims().members()
    assert key(alg).verifies(from_base64url(signature), header + b"." + payload)


@pytest.mark.standard("9068-12")
def test_a_token_names_nobody_but_by_his_key():
    assert set(claims().members()) == {
        "iss",
        "sub",
        "aud",
        "client_id",
        "iat",
        "exp",
        "jti",
        "sid",
        "did",
        "gen",
        "br",
        "ep",
        "scope",
        "auth_time",
    }


def test_a_token_is_below_a_kilobyte():
    assert len(access.signed(claims(), key("ES256"))) < 1_000


class TestTokenId:
    def test_is_the_same_for_the_same_answer(self):
        assert access.token_id(SECRET, **ANSWER) == access.token_id(SECRET, **ANSWER)

    def test_has_128_bits(self):
        assert len(from_base64url(access.token_id(SECRET, **ANSWER).encode())) == 16

    @pytest.mark.standard("7519-06")
    @pytest.mark.parametrize(
        "change",
        [
            {"generation": 4},
            {"branch": 1},
            {"scope": ""},
            {"audience": "https://other.test"},
            {"jkt": "thumb"},
        ],
        ids=repr,
    )
    def test_is_another_for_another_answer(self, change):
        assert access.token_id(SECRET, **{**ANSWER, **change}) != access.token_id(SECRET, **ANSWER)

    def test_is_another_for_another_family(self):
        assert access.token_id(b"t" * 32, **ANSWER) != access.token_id(SECRET, **ANSWER)
