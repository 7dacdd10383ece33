"""What an access token must say, claim by claim."""

import json
import pickle
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tokens.world import DEVICE, ISSUER, SESSION, claims, members
from tokenauth.tokens.claims import AccessClaims, Epochs, parsed, read
from tokenauth.tokens.encoding import from_json_object, to_json

REQUIRED = [*members()]
NO_TEXT = [None, True, 1, 1.5, [], ["x"], {}, {"x": "y"}, ...]
NO_NUMBER = [None, True, False, "1", 1.0, 1e3, float("inf"), -1, [], [1], {}, 10**30, ...]


def _id(value):
    return "missing" if value is ... else repr(value)[:20]


def _refused(**changes):
    with pytest.raises(ValueError):  # noqa: PT011 - of any kind
        parsed(members(**changes), kid="k")


def test_what_we_write_is_what_we_read():
    written = claims(acr="urn:x", amr=("pwd", "otp"), act="admin", cnf_jkt="thumb", kid="k")

    assert parsed(json.loads(json.dumps(written.members())), kid="k") == written


@pytest.mark.standard("9068-02")
@pytest.mark.parametrize("name", REQUIRED)
def test_every_claim_of_ours_is_required(name):
    _refused(**{name: ...})


@pytest.mark.parametrize("value", [*NO_TEXT, ""], ids=_id)
@pytest.mark.parametrize("name", ["iss", "sub", "client_id", "jti", "sid", "did"])
def test_a_text_is_a_text_and_not_empty(name, value):
    _refused(**{name: value})


@pytest.mark.parametrize("value", NO_TEXT, ids=_id)
def test_scope_is_a_text(value):
    _refused(scope=value)


def test_scope_may_be_empty():
    assert parsed(members(scope=""), kid="k").scopes == frozenset()


@pytest.mark.standard("7519-05")
@pytest.mark.parametrize("value", NO_NUMBER, ids=_id)
@pytest.mark.parametrize("name", ["iat", "exp", "auth_time", "gen", "br"])
def test_a_number_is_a_whole_number_in_range(name, value):
    _refused(**{name: value})


@pytest.mark.parametrize(
    ("name", "largest"),
    [("iat", 253_402_300_799), ("exp", 253_402_300_799), ("auth_time", 253_402_300_799), ("gen", 2**31 - 1)],
)
def test_a_number_has_a_largest_value(name, largest):
    assert getattr(parsed(members(**{name: largest}), kid="k"), name) == largest
    _refused(**{name: largest + 1})


@pytest.mark.parametrize(
    "value",
    [
        SESSION.upper(), SESSION.replace("-", ""), "{" + SESSION + "}", "urn:uuid:" + SESSION, SESSION + "\n",
        SESSION[:-1], SESSION + "0", SESSION.replace("-", "_"), " " + SESSION, SESSION.replace("0", "\u0660"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["sid", "did"])
def test_a_uuid_has_one_spelling(name, value):
    _refused(**{name: value})


@pytest.mark.standard("7519-03")
@pytest.mark.parametrize(
    ("value", "expected"),
    [("https://a.test", ("https://a.test",)), (["a", "b"], ("a", "b")), (["a"], ("a",))],
)
def test_an_audience_is_one_text_or_a_list(value, expected):
    assert parsed(members(aud=value), kid="k").aud == expected


@pytest.mark.standard("8725-08")
@pytest.mark.parametrize(
    "value", [*(v for v in NO_TEXT if v != ["x"]), "", [""], ["a", ""], ["a", 1], [["a"]]], ids=_id
)
def test_anything_else_is_no_audience(value):
    _refused(aud=value)


@pytest.mark.parametrize(
    "value",
    [
        *NO_TEXT, "1", [1, 0, 0, 0], [1, 0, 0, 0, 0, 0], [2, 0, 0, 0, 0], [0, 0, 0, 0, 0], [True, 0, 0, 0, 0],
        [1, True, 0, 0, 0], [1, 0, 0, 0, False], [1, 0, 0, 0, -1], [1, 0, 0, 0, 0.0], [1, "0", 0, 0, 0],
        [1, 0, 0, 0, None], [1, 0, 0, 0, 2**63], [1.0, 0, 0, 0, 0], [[1], 0, 0, 0, 0],
    ],
    ids=_id,
)  # fmt: skip
def test_epochs_are_a_version_and_four_counts(value):
    _refused(ep=value)


def test_equal_numbers_of_other_types_never_pass_for_epochs_seen_before():
    parsed(members(ep=[1, 1, 1, 1, 1]), kid="k")

    _refused(ep=[1, True, 1, 1, 1])
    _refused(ep=[1, 1.0, 1, 1, 1])


@pytest.mark.parametrize("name", ["acr", "amr", "act", "cnf"])
def test_optional_claims_may_be_absent(name):
    parsed(members(**{name: ...}), kid="k")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("acr", value) for value in [None, "", 1, True, [], ["x"], {}]),
        *(("amr", value) for value in [None, "", "pwd", 1, [], [""], [1], [None], {}, ["pwd", ["otp"]]]),
        *(("act", value) for value in [None, "", "x", 1, [], {}, {"sub": ""}, {"sub": 1}, {"iss": "x"}]),
        *(("cnf", value) for value in [None, "", "x", 1, [], {}, {"jkt": ""}, {"jkt": 1}, {"jwk": {}}]),
    ],
    ids=_id,
)
def test_an_optional_claim_that_is_there_is_not_ignored(name, value):
    _refused(**{name: value})


def test_the_epoch_of_who_acts_may_be_absent():
    written = claims(act="9", act_ep=4, kid="k")

    assert written.members()["act"] == {"sub": "9", "ep": 4}
    assert parsed(written.members(), kid="k") == written
    assert parsed(members(act={"sub": "9"}), kid="k").act_ep == 0


@pytest.mark.parametrize("value", [None, "", "1", -1, 1.0, True, [], {}, 2**63], ids=_id)
def test_the_epoch_of_who_acts_is_a_count(value):
    _refused(act={"sub": "9", "ep": value})


@pytest.mark.parametrize("value", [value for value in NO_NUMBER if value is not ...], ids=_id)
def test_nbf_is_a_second_where_it_is_there(value):
    with pytest.raises(ValueError):  # noqa: PT011 - infinity is no JSON at all
        read(json.dumps(members(nbf=value)).encode(), kid="k")


def test_nbf_may_be_absent():
    assert read(to_json(members()), kid="k") == (claims(kid="k"), 0)
    assert read(to_json(members(nbf=7)), kid="k") == (claims(kid="k"), 7)


def test_unknown_claims_are_ignored():
    """RFC 7519 4."""
    assert parsed(members(surprise={"any": ["thing"]}), kid="") == claims()


any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from(["sub", "jkt", "x"]), inner, max_size=2)
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*REQUIRED, "acr", "amr", "act", "cnf"]), any_json, max_size=4))
def test_whatever_a_payload_says_it_is_claims_or_a_value_error(changes):
    try:
        read = parsed(members(**changes), kid="k")
    except ValueError:
        return

    assert json.loads(json.dumps(read.members()))["exp"] == read.exp


def general(payload: bytes) -> AccessClaims | None:
    """What the general way reads, None where it refuses."""
    try:
        return parsed(from_json_object(payload), kid="k")
    except ValueError:
        return None


def quick(payload: bytes) -> AccessClaims | None:
    """What `read` reads, the quick way where it applies."""
    try:
        return read(payload, kid="k")[0]
    except ValueError:
        return None


class TestTheQuickWay:
    """It reads what we write ourselves, and never anything else than the general way does."""

    @pytest.mark.parametrize("changes", [{}, {"amr": ("pwd",)}, {"scope": ""}, {"scope": "", "amr": ("x",)}])
    def test_is_taken_for_a_plain_token_of_ours(self, monkeypatch, changes):
        written = claims(kid="k", **changes)
        monkeypatch.setattr("tokenauth.tokens.claims.from_json_object", lambda payload: 1 / 0)

        assert quick(to_json(written.members())) == written

    @pytest.mark.parametrize(
        "changes",
        [
            {"aud": ("a", "b")},
            {"acr": "x"},
            {"amr": ("pwd", "otp")},
            {"sub": "\u00fc"},
            {"sub": '"'},
            {"gen": 2**31 - 1},
        ],
    )
    def test_is_not_needed_for_the_others(self, changes):
        written = claims(kid="k", **changes)

        assert quick(to_json(written.members())) == written

    @given(
        st.builds(
            claims,
            sub=st.text(min_size=1),
            scope=st.text(),
            client_id=st.text(min_size=1, max_size=4),
            iat=st.integers(0, 253_402_300_799),
            gen=st.integers(0, 2**31 - 1),
            ep=st.builds(Epochs, *[st.integers(0, 2**63 - 1)] * 4),
        )
    )
    def test_agrees_on_whatever_claims_we_write(self, written):
        payload = to_json(written.members())

        assert quick(payload) == general(payload)

    @given(
        st.lists(
            st.tuples(
                st.integers(0, 600), st.sampled_from(["put", "in", "out"]), st.binary(min_size=1, max_size=1)
            ),
            max_size=3,
        )
    )
    def test_agrees_on_whatever_becomes_of_one(self, changes):
        payload = to_json(members())
        for place, how, byte in changes:
            place %= len(payload)
            payload = payload[:place] + (b"" if how == "out" else byte) + payload[place + (how != "in") :]

        assert quick(payload) == general(payload)

    @pytest.mark.parametrize(
        "text",
        [
            "0",
            "00",
            "-0",
            "01",
            "1.0",
            "1e3",
            "true",
            "null",
            '""',
            '"a"',
            "[]",
            "{}",
            "9" * 9,
            "9" * 10,
            "9" * 11,
            "9" * 12,
            "9" * 18,
            "9" * 19,
            "[1,0,0,0,0]",
            "[1,00,0,0,0]",
            "[1,-1,0,0,0]",
            "[2,0,0,0,0]",
            "[1, 0,0,0,0]",
            '"\\u0041"',
            '"\\ud800"',
            '"\x7f"',
            '"\t"',
            "\u0663",
            '"a","a":"b"',
            '"https://issuer.test","iss":"x"',
        ],
    )
    def test_agrees_on_whatever_one_claim_says(self, text):
        for name in members():
            payload = to_json(members(**{name: "VALUE"})).replace(b'"VALUE"', text.encode())
            assert quick(payload) == general(payload), name


class TestWhatIsRead:
    def test_session_and_device_are_uuids_too(self):
        assert claims().sid == UUID(SESSION)
        assert claims().did == UUID(DEVICE)

    def test_cannot_be_changed(self):
        with pytest.raises(AttributeError):
            claims().sub = "43"  # type: ignore[misc]

    def test_shares_what_many_tokens_have_in_common(self):
        one, two = (parsed(json.loads(json.dumps(members())), kid="k").slim() for _ in range(2))

        assert one == two
        assert one.iss is two.iss
        assert one.aud is two.aud
        assert one.client_id is two.client_id
        assert one.scope is two.scope
        assert one.ep is two.ep

    def test_says_nothing_of_claims_that_are_empty(self):
        assert not {"acr", "amr", "act", "cnf", "nbf", "email", "name"} & claims().members().keys()

    def test_spells_one_audience_as_text_and_several_as_list(self):
        assert claims().members()["aud"] == ISSUER
        assert claims(aud=("a", "b")).members()["aud"] == ["a", "b"]

    def test_epochs_carry_their_version(self):
        assert Epochs(4, 3, 2, 1).as_claim() == [1, 4, 3, 2, 1]

    def test_kid_comes_from_the_key_and_not_from_the_payload(self):
        assert parsed(members(kid="forged"), kid="k").kid == "k"
        assert isinstance(parsed(members(), kid="k"), AccessClaims)


class TestReadAsAMapping:
    """Code that was written for simplejwt's tokens reads `request.auth` so."""

    def test_by_name(self):
        read = claims(scope="orders:read", aud=("a", "b"))

        assert (read["scope"], read["aud"], read["sub"]) == ("orders:read", ["a", "b"], read.sub)
        assert (read.get("acr"), read.get("acr", "none"), read.get("sub")) == (None, "none", read.sub)
        assert ("scope" in read, "acr" in read) == (True, False)
        assert read.payload == read.members()

    def test_an_unknown_name_is_a_key_error(self):
        with pytest.raises(KeyError):
            claims()["acr"]

    def test_and_still_as_the_tuple_it_is(self):
        read = claims()
        iss, sub, *_ = read

        assert (read[0], read[1], read[:2]) == (iss, sub, (iss, sub))
        assert read._replace(scope="x").scope == "x"
        assert pickle.loads(pickle.dumps(read)) == read
