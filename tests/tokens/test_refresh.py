"""Refresh tokens: made from key and row."""

import dataclasses
import json
import string
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tokens.world import DEVICE, ISSUER, NOW, SESSION
from tokenauth.errors import Cause, Refused
from tokenauth.tokens import refresh
from tokenauth.tokens.encoding import to_base64url
from tokenauth.tokens.keyring import REFRESH_TYP
from tokenauth.tokens.keys import SymmetricKey, header_segment
from tokenauth.tokens.refresh import Identity, RefreshClaims

REFUSED = Refused(Cause.SIGNATURE)


def a_key(kid="r1", secret=b"k" * 32):
    return SymmetricKey(secret, kid, header_segment(alg="HS256", kid=kid, typ=REFRESH_TYP))


KEY = a_key()
ROW = Identity(
    id=UUID(SESSION),
    secret=b"s" * 32,
    user_key="42",
    client_pk=7,
    device_pk=UUID(DEVICE),
    audience=ISSUER,
    jkt="",
    transport=1,
)


def made(row=ROW, key=KEY, **changes):
    asked = {"issuer": ISSUER, "generation": 3, "branch": 1, "iat": NOW, "exp": NOW + 3600, **changes}
    return refresh.made(row, key, **asked)


def read(text, *keys, issuer=ISSUER):
    return refresh.read(text, keys={key.header: key for key in keys or (KEY,)}, issuer=issuer)


def forged(key=KEY, **changes):
    """A token with any payload under a signature that holds."""
    plain = {
        "iss": ISSUER,
        "sid": SESSION,
        "gen": 3,
        "br": 1,
        "jti": "A" * 43,
        "iat": NOW,
        "exp": NOW + 9,
        "v": 1,
    }
    payload = {name: value for name, value in {**plain, **changes}.items() if value is not ...}
    unsigned = key.header + b"." + to_base64url(json.dumps(payload).encode()).encode()
    return f"{refresh.PREFIX}{unsigned.decode()}.{to_base64url(key.mac(unsigned))}"


def test_says_what_it_was_made_for():
    claims = read(made())

    assert isinstance(claims, RefreshClaims)
    assert (claims.family_id, claims.generation, claims.branch) == (ROW.id, 3, 1)
    assert (claims.iat, claims.exp, claims.kid) == (NOW, NOW + 3600, "r1")
    assert claims.is_of(ROW, KEY)


def test_the_same_row_makes_the_same_bytes():
    assert made() == made()


def test_can_be_found_by_a_secret_scanner_and_fits_a_header():
    assert made().startswith("tkr_")
    assert set(made()) <= set(string.ascii_letters + string.digits + "-_.")
    assert len(made()) < 500


@pytest.mark.standard("ASVS-01")
def test_its_id_has_256_bits():
    assert len(refresh.token_id(ROW, KEY, generation=3, branch=1)) == 32


@pytest.mark.parametrize(
    "change",
    [
        {"secret": b"t" * 32},
        {"id": UUID(DEVICE)},
        {"user_key": "43"},
        {"client_pk": 8},
        {"device_pk": UUID(SESSION)},
        {"audience": "https://other.test"},
        {"jkt": "thumb"},
        {"transport": 2},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_row_that_was_edited_verifies_nothing(change):
    """PROTOCOL 1: to another user, client, device, audience, proof key or transport."""
    claims = read(made())

    assert not claims.is_of(dataclasses.replace(ROW, **change), KEY)


def test_another_key_or_place_in_the_family_has_another_id():
    ids = {
        refresh.token_id(ROW, key, generation=generation, branch=branch)
        for key in (KEY, a_key(secret=b"l" * 32))
        for generation in range(12)
        for branch in range(12)
    }

    assert len(ids) == 2 * 12 * 12


def test_neighbouring_facts_cannot_be_shifted_into_each_other():
    one = dataclasses.replace(ROW, user_key='42","client":1', audience="a")
    other = dataclasses.replace(ROW, user_key="42", audience='client":1a')

    assert refresh.token_id(one, KEY, generation=0, branch=0) != refresh.token_id(
        other, KEY, generation=0, branch=0
    )


class TestRefuses:
    def test_a_key_that_is_not_in_force(self):
        assert read(made(), a_key("r2")) == REFUSED

    def test_another_key_under_the_same_name(self):
        assert read(made(), a_key(secret=b"l" * 32)) == REFUSED

    def test_another_issuer(self):
        assert read(made(), issuer=ISSUER + "/") == REFUSED

    def test_a_token_without_its_prefix(self):
        assert read(made().removeprefix("tkr_")) == REFUSED
        assert read("TKR_" + made().removeprefix("tkr_")) == REFUSED
        assert read("tkr_" + made()) == REFUSED

    @pytest.mark.parametrize("place", range(0, 340, 7))
    def test_a_token_with_any_character_turned(self, place):
        good = made()
        other = "A" if good[place] != "A" else "B"

        assert read(good[:place] + other + good[place + 1 :]) == REFUSED

    def test_more_or_fewer_segments(self):
        good = made()
        first, payload, signature = good.split(".")
        for shown in (
            "",
            "tkr_",
            "tkr_.",
            "tkr_..",
            first,
            f"{first}.{payload}",
            good + ".",
            f"{good}.{signature}",
        ):
            assert read(shown) == REFUSED

    @pytest.mark.parametrize(
        "shown", ["tkr_\u00e9", "tkr_\ud800", "tkr_\x00", "tkr_" + "a" * 5000, "tkr_" + "." * 2000]
    )
    def test_what_is_no_token(self, shown):
        assert read(shown) == REFUSED

    @pytest.mark.parametrize(
        "change",
        [
            *(
                {name: value}
                for name in ("iss", "sid", "gen", "br", "jti", "iat", "exp", "v")
                for value in (..., None, True, 1.5, [], {}, "x", -1, 10**30)
            ),
            {"v": 2},
            {"v": "1"},
            {"v": 1.0},
            {"gen": 2**31},
            {"br": 256},
            {"jti": "A" * 42},
            {"jti": "A" * 44},
            {"jti": "A" * 42 + "="},
            {"jti": "\u00e9"},
            {"jti": ""},
            {"sid": SESSION.upper()},
            {"sid": SESSION.replace("-", "")},
        ],
        ids=repr,
    )
    def test_claims_that_we_never_write(self, change):
        """Only our own key could have signed them."""
        assert read(forged(**change)) == REFUSED

    @given(st.text(max_size=60))
    def test_whatever_is_sent(self, shown):
        assert read(shown) == REFUSED
        assert read(refresh.PREFIX + shown) == REFUSED
        assert read(refresh.PREFIX + KEY.header.decode() + "." + shown) == REFUSED


def test_what_the_forger_forges_would_be_read():
    """The tests above refuse for the reason they name."""
    assert isinstance(read(forged()), RefreshClaims)


def test_shows_no_secret_in_logs_and_error_pages():
    claims = read(made())

    assert "jti" not in repr(claims)
    assert "ssss" not in repr(ROW)
