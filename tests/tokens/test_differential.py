"""Two libraries that nobody here wrote as oracles: what they refuse is never accepted by us."""

import json
from typing import Any

import jwt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from joserfc import jwk as jose_jwk
from joserfc import jws as jose_jws
from joserfc.errors import JoseError

from tests.tokens.world import (
    ALGS,
    ISSUER,
    NOW,
    accepted,
    claims,
    key,
    members,
    resigned,
    segment,
    signed,
    token,
)
from tokenauth.tokens.encoding import to_base64url
from tokenauth.tokens.keys import AccessKey

FAR = 10**9


# joserfc would rather call it Ed25519 (RFC 9864); PyJWT and most others do not know that name yet
pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")


def pyjwt_accepts(raw: bytes, signer: AccessKey) -> bool:
    """Signature, header and payload by PyJWT; times are ours to judge, so they are left out."""
    try:
        jwt.decode(
            raw,
            signer.public,
            algorithms=[signer.alg],
            issuer=ISSUER,
            options={"verify_aud": False, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
        )
    except (jwt.PyJWTError, ValueError, TypeError):
        return False
    return True


def joserfc_accepts(raw: bytes, signer: AccessKey) -> bool:
    public: Any = jose_jwk.import_key(signer.jwk())
    try:
        found = jose_jws.deserialize_compact(raw, public, algorithms=[signer.alg])
        return isinstance(json.loads(found.payload), dict)
    except (JoseError, ValueError, TypeError, RecursionError):
        return False


def holds_to_the_oracles(raw: bytes, signer: AccessKey) -> None:
    if accepted(raw, signer):
        assert pyjwt_accepts(raw, signer)
        assert joserfc_accepts(raw, signer)


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
payloads = st.fixed_dictionaries(
    {},
    optional={
        "sub": texts,
        "aud": st.lists(texts, min_size=1, max_size=4, unique=True).map(tuple),
        "scope": texts,
        "client_id": texts,
        "gen": st.integers(0, 2**31 - 1),
        "acr": texts,
        "amr": st.lists(texts, max_size=3).map(tuple),
        "act": texts,
        "cnf_jkt": texts,
    },
)


@pytest.mark.parametrize("alg", ALGS)
@given(changes=payloads)
def test_what_we_issue_is_accepted_by_everybody(alg, changes):
    issued = token(key(alg), **changes)

    assert accepted(issued, key(alg))
    assert pyjwt_accepts(issued, key(alg))
    assert joserfc_accepts(issued, key(alg))
    read = jwt.decode(
        issued,
        key(alg).public,
        algorithms=[alg],
        issuer=ISSUER,
        options={"verify_exp": False, "verify_iat": False, "verify_aud": False},
    )
    assert read == claims(**changes).members()


def mutations() -> st.SearchStrategy[Any]:
    """A change of the bytes of a good token."""
    place, byte = st.integers(0, 2000), st.integers(0, 255)
    return st.one_of(
        st.tuples(st.just("replace"), place, byte),
        st.tuples(st.just("insert"), place, byte),
        st.tuples(st.just("delete"), place, byte),
        st.tuples(st.just("cut"), place, byte),
        st.tuples(st.just("append"), place, byte),
        st.tuples(st.just("swap"), place, place),
    )


def mutated(good: bytes, kind: str, a: int, b: int) -> bytes:
    a %= len(good)
    match kind:
        case "replace":
            return good[:a] + bytes([b]) + good[a + 1 :]
        case "insert":
            return good[:a] + bytes([b]) + good[a:]
        case "delete":
            return good[:a] + good[a + 1 :]
        case "cut":
            return good[:a]
        case "append":
            return good + bytes([b])
    parts = good.split(b".")
    one, other = a % len(parts), b % len(parts)
    parts[one], parts[other] = parts[other], parts[one]
    return b".".join(parts)


@pytest.mark.parametrize("alg", ALGS)
@given(changes=st.lists(mutations(), min_size=1, max_size=3))
def test_no_change_of_a_good_token_is_accepted_that_they_refuse(alg, changes):
    raw = token(key(alg))
    for change in changes:
        raw = mutated(raw, *change) or b"."

    holds_to_the_oracles(raw, key(alg))


headers = st.fixed_dictionaries(
    {},
    optional={
        "alg": st.sampled_from(["ES256", "EdDSA", "RS256", "none", "HS256", "es256", None]),
        "kid": st.sampled_from([key(alg).kid for alg in ALGS]) | st.none() | st.text(max_size=4),
        "typ": st.sampled_from(["at+jwt", "JWT", "application/at+jwt", "rt+jwt"]),
        "crit": st.sampled_from([["b64"], ["exp"], [], "b64"]),
        "b64": st.booleans(),
        "jwk": st.just(key("ES256", "attacker").jwk()),
        "zip": st.just("DEF"),
    },
)
some_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
odd_payloads = st.one_of(
    st.binary(max_size=40),
    some_json.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(st.sampled_from([*members(), "nbf"]), some_json, max_size=3).map(
        lambda changes: json.dumps(members(**changes)).encode()
    ),
    st.just(json.dumps(members()).encode()),
)


@pytest.mark.parametrize("alg", ALGS)
@given(header=st.just(...) | headers, payload=odd_payloads, signer=st.sampled_from(["own", "attacker"]))
@example(header=..., payload=json.dumps(members()).encode(), signer="own")
def test_nothing_that_is_signed_is_accepted_that_they_refuse(alg, header, payload, signer):
    first = key(alg).header if header is ... else segment(header)
    raw = resigned(first + b"." + to_base64url(payload).encode(), key(alg, signer))

    holds_to_the_oracles(raw, key(alg))


@given(first=st.binary(max_size=30), payload=st.binary(max_size=30), signature=st.binary(max_size=70))
def test_nothing_made_up_is_accepted_that_they_refuse(first, payload, signature):
    for raw in (
        b".".join([first, payload, signature]),
        b".".join(to_base64url(part).encode() for part in (first, payload, signature)),
        key().header + b"." + to_base64url(payload).encode() + b"." + to_base64url(signature).encode(),
    ):
        holds_to_the_oracles(raw, key())


def test_the_oracles_would_notice():
    """They are not fooled themselves, and they are not deaf."""
    for alg in ALGS:
        assert pyjwt_accepts(token(key(alg)), key(alg))
        assert joserfc_accepts(token(key(alg)), key(alg))
        for oracle in (pyjwt_accepts, joserfc_accepts):
            assert not oracle(signed(members(), key(alg, "attacker"), header=key(alg).header), key(alg))
            assert not oracle(token(key(alg))[:-5], key(alg))
            assert not oracle(segment({"alg": "none"}) + b"." + token().split(b".")[1] + b".", key(alg))
    assert not accepted(token(exp=NOW - FAR))
