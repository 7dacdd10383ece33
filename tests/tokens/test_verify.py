"""What the verifier says of tokens whose signature holds, and that it never raises."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tokens.world import ALGS, ISSUER, NOW, accepted, claims, judged, key, members, signed, token
from tokenauth.errors import Cause, Refused
from tokenauth.tokens.claims import AccessClaims
from tokenauth.tokens.verify import LARGEST_TOKEN


@pytest.mark.parametrize("alg", ALGS)
def test_what_we_issue_is_read_back_whole(alg):
    written = claims(acr="urn:x", amr=("pwd",), act="admin", cnf_jkt="thumb", kid=key(alg).kid)

    assert (
        judged(token(key(alg), acr="urn:x", amr=("pwd",), act="admin", cnf_jkt="thumb"), key(alg)) == written
    )


def test_every_key_in_force_verifies_its_own_tokens():
    keys = [key("ES256"), key("ES256", "former"), key("EdDSA"), key("RS256")]

    for each in keys:
        assert judged(token(each), *keys).kid == each.kid


def test_a_key_that_is_not_in_force_verifies_nothing():
    assert judged(token(key("ES256", "former"))) == Refused(Cause.SIGNATURE)


class TestTime:
    @pytest.mark.standard("7519-01")
    @pytest.mark.parametrize(
        ("now", "verdict"),
        [
            (NOW + 299, True), (NOW + 300, True), (NOW + 309.9, True),
            (NOW + 310, False), (NOW + 310.1, False), (NOW + 10**9, False),
        ],
    )  # fmt: skip
    def test_counts_until_exp_and_ten_seconds_of_leeway(self, now, verdict):
        assert accepted(token(), now=now) is verdict

    def test_says_so_when_it_has_expired(self):
        assert judged(token(), now=NOW + 310) == Refused(Cause.EXPIRED)

    def test_without_leeway_exp_is_exact(self):
        assert accepted(token(), now=NOW + 299.9, leeway=0)
        assert not accepted(token(), now=NOW + 300, leeway=0)

    @pytest.mark.parametrize(("now", "verdict"), [(NOW - 10, True), (NOW - 11, False)])
    def test_a_token_from_the_future_does_not_count(self, now, verdict):
        assert accepted(token(), now=now) is verdict

    @pytest.mark.standard("7519-02")
    @pytest.mark.parametrize(("nbf", "verdict"), [(NOW - 5, True), (NOW + 10, True), (NOW + 11, False)])
    def test_nbf_counts_where_somebody_set_it(self, nbf, verdict):
        assert accepted(signed(members(nbf=nbf))) is verdict

    @pytest.mark.standard("7519-05")
    @pytest.mark.parametrize("value", ["1800000300", True, None, -1, 1.8e9, [], {}, 10**18, 1e400])
    @pytest.mark.parametrize("name", ["exp", "iat", "nbf", "auth_time"])
    def test_a_time_of_another_type_or_range_does_not_count(self, name, value):
        assert judged(signed(members(**{name: value}))) == Refused(Cause.MALFORMED)

    @pytest.mark.parametrize(
        "text", ["1800000300.0", "1.8e9", "1e400", "-0.0", "NaN", "Infinity", "9" * 5000]
    )
    def test_a_time_in_another_spelling_does_not_count(self, text):
        payload = json.dumps(members(exp="EXP")).replace('"EXP"', text).encode()

        assert judged(signed(payload)) == Refused(Cause.MALFORMED)


class TestIssuer:
    @pytest.mark.standard("9068-04")
    @pytest.mark.standard("8725-07")
    @pytest.mark.parametrize(
        "issuer",
        [
            ISSUER + "/", ISSUER.upper(), ISSUER[:-1], ISSUER + ".evil.test", "http://issuer.test",
            " " + ISSUER, ISSUER + "\n", ISSUER + "?", "https://evil.test", "https://issuer.test:443",
        ],
    )  # fmt: skip
    def test_is_compared_to_the_letter(self, issuer):
        assert judged(token(iss=issuer)) == Refused(Cause.SIGNATURE)

    def test_is_one_text_and_no_list(self):
        assert not accepted(signed(members(iss=[ISSUER])))


class TestSize:
    def test_a_large_token_of_ours_counts(self):
        assert accepted(token(scope="s" * 4000))

    def test_a_token_over_the_limit_is_not_even_split(self):
        assert judged(token(scope="s" * LARGEST_TOKEN)) == Refused(Cause.MALFORMED)

    @pytest.mark.parametrize("size", [8192, 8193, 1_000_000])
    def test_a_long_row_of_dots_costs_nothing(self, size):
        assert isinstance(judged(b"." * size), Refused)


class TestNeverRaises:
    @given(st.binary(max_size=300))
    def test_whatever_bytes_are_sent(self, raw):
        assert isinstance(judged(raw), Refused)

    @given(st.lists(st.binary(max_size=40), max_size=7))
    def test_whatever_stands_between_the_dots(self, segments):
        assert isinstance(judged(b".".join([key().header, *segments])), Refused)

    @given(st.binary(max_size=120))
    def test_whatever_is_signed(self, payload):
        assert isinstance(judged(signed(payload)), Refused)

    @given(
        st.dictionaries(
            st.sampled_from([*members(), "nbf", "cnf", "act", "amr", "acr"]),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
                lambda inner: (
                    st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
                ),
                max_leaves=5,
            ),
            max_size=5,
        )
    )
    def test_whatever_claims_are_signed(self, changes):
        assert isinstance(judged(signed(members(**changes))), AccessClaims | Refused)

    @given(st.integers(0, 2000), st.integers(0, 255))
    def test_whatever_byte_of_a_good_token_is_another(self, place, byte):
        good = token(key("EdDSA"))
        place %= len(good)
        changed = good[:place] + bytes([byte]) + good[place + 1 :]

        assert accepted(changed, key("EdDSA")) is (changed == good)

    @given(st.integers(0, 2000))
    def test_wherever_a_good_token_is_cut(self, end):
        good = token(key("EdDSA"))

        assert not accepted(good[: end % len(good)], key("EdDSA"))


def test_a_refusal_tells_nothing_of_what_was_shown():
    assert repr(judged(b"eyJzZWNyZXQ.eyJzZWNyZXQ.c2VjcmV0")) == repr(Refused(Cause.SIGNATURE))
