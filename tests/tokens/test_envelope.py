"""Keys at rest: opened by the right wrapping key, as they were sealed, or not at all."""

import pytest
from django.test import override_settings

from tokenauth.errors import NoUsableKey
from tokenauth.tokens import envelope
from tokenauth.tokens.encoding import to_base64url
from tokenauth.tokens.envelope import Spoiled, is_under_first_key, seal, unseal
from tokenauth.tokens.keys import Secret

SECRET = Secret(b"the private key")
BOUND = b"kid, purpose, state, times"
A, B = to_base64url(b"a" * 32), to_base64url(b"b" * 32)


def wrapped_by(*keys):
    return override_settings(TOKENAUTH={"ENCRYPTION_KEYS": keys})


def test_opens_what_was_sealed():
    assert unseal(seal(SECRET, bound_to=BOUND), bound_to=BOUND) == SECRET


def test_never_seals_the_same_twice():
    assert seal(SECRET, bound_to=BOUND) != seal(SECRET, bound_to=BOUND)


def test_the_key_cannot_be_read_in_it():
    assert SECRET.raw not in seal(SECRET, bound_to=BOUND)


@pytest.mark.parametrize("other", [b"", BOUND[:-1], BOUND + b" ", b"kid, purpose, state, timez"])
def test_does_not_open_for_another_kid_state_or_time(other):
    with pytest.raises(Spoiled):
        unseal(seal(SECRET, bound_to=BOUND), bound_to=other)


def test_no_bit_may_be_turned():
    sealed = seal(SECRET, bound_to=BOUND)

    for place in range(len(sealed) * 8):
        turned = bytearray(sealed)
        turned[place // 8] ^= 1 << place % 8
        with pytest.raises(NoUsableKey):
            unseal(bytes(turned), bound_to=BOUND)


def test_cut_or_stretched_is_refused_and_raises_nothing_else():
    sealed = seal(SECRET, bound_to=BOUND)

    for other in (*(sealed[:end] for end in range(len(sealed))), sealed + b"\x00", b"\x00" + sealed):
        with pytest.raises(NoUsableKey):
            unseal(other, bound_to=BOUND)


def test_a_spoiled_envelope_is_told_from_one_whose_key_is_not_in_the_settings():
    """The first can only be replaced; the second opens once the settings are right again."""
    with wrapped_by(A):
        sealed = seal(SECRET, bound_to=BOUND)
        with pytest.raises(Spoiled):
            unseal(sealed[:-1] + bytes([sealed[-1] ^ 1]), bound_to=BOUND)
    with wrapped_by(B), pytest.raises(NoUsableKey) as refused:
        unseal(sealed, bound_to=BOUND)

    assert not isinstance(refused.value, Spoiled)


class TestWrappingKeys:
    def test_the_first_seals_and_all_open(self):
        with wrapped_by(A):
            old = seal(SECRET, bound_to=BOUND)
        with wrapped_by(B, A):
            new = seal(SECRET, bound_to=BOUND)
            assert unseal(old, bound_to=BOUND) == SECRET
            assert not is_under_first_key(old)
            assert is_under_first_key(new)
        with wrapped_by(A), pytest.raises(NoUsableKey):
            unseal(new, bound_to=BOUND)

    def test_a_site_without_its_own_gets_one_from_its_secret_key_and_may_move_to_its_own(self):
        with wrapped_by():
            sealed = seal(SECRET, bound_to=BOUND)
        with wrapped_by(A):
            assert unseal(sealed, bound_to=BOUND) == SECRET
            assert not is_under_first_key(sealed)

    @override_settings(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["old"])
    def test_the_fallbacks_of_the_secret_key_open_too(self):
        with override_settings(SECRET_KEY="old", SECRET_KEY_FALLBACKS=[]):
            sealed = seal(SECRET, bound_to=BOUND)

        assert unseal(sealed, bound_to=BOUND) == SECRET
        assert not is_under_first_key(sealed)

    @override_settings(SECRET_KEY=b"bytes are allowed")
    def test_a_secret_key_of_bytes_works(self):
        assert unseal(seal(SECRET, bound_to=BOUND), bound_to=BOUND) == SECRET

    def test_another_secret_key_opens_nothing(self):
        sealed = seal(SECRET, bound_to=BOUND)

        with override_settings(SECRET_KEY="another"), pytest.raises(NoUsableKey):
            unseal(sealed, bound_to=BOUND)

    @pytest.mark.parametrize(
        "entry", ["", "short", A[:-1], A + "=", A + "AA", "!" * 43, to_base64url(b"a" * 31)]
    )
    def test_an_entry_that_is_no_key_is_named_by_its_place_and_not_shown(self, entry):
        with wrapped_by(A, entry), pytest.raises(NoUsableKey, match=r"\['ENCRYPTION_KEYS'\]\[1\]") as refused:
            seal(SECRET, bound_to=BOUND)

        shown = [str(refused.value)]
        trace = refused.value.__traceback__
        while trace is not None:
            if trace.tb_frame.f_globals["__name__"].startswith("tokenauth."):
                shown += [repr(value) for value in trace.tb_frame.f_locals.values()]
            trace = trace.tb_next
        assert not any(A in text or (entry and entry in text) for text in shown)


def test_shows_no_key():
    assert "aaaa" not in repr(envelope.WrappingKey(b"a" * 32))
    assert "private" not in repr(SECRET)
