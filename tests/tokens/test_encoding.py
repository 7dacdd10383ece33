"""One spelling for each value."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenauth.tokens.encoding import from_base64url, from_json_object, to_base64url, to_json

ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@given(st.binary(max_size=200))
def test_base64url_is_what_the_standard_library_writes_without_padding(raw):
    text = to_base64url(raw)

    assert text == base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    assert from_base64url(text.encode()) == raw


@pytest.mark.standard("7515-02")
@given(st.text(alphabet=[*ALPHABET.decode(), *"=+/\n\r\t .\x00é"], max_size=9))
def test_base64url_accepts_only_what_it_would_write_itself(text):
    try:
        raw = from_base64url(text.encode())
    except ValueError:
        return

    assert to_base64url(raw) == text


@pytest.mark.standard("7515-02")
@pytest.mark.parametrize(
    "text",
    [
        b"=", b"====", b"QQ==", b"QQ=", b"QUI=", b"Q===", b"=QQ", b"QQ\n", b"\nQQ", b" QQ", b"QQ ", b"Q Q",
        b"QU=JD", b"QQ==QQ", b"QQ..", b"\xef\xbb\xbfQQ", b"Q", b"QUJDQ", b"QUJ+", b"QUJ/", b"Q\x00JD",
    ],
)  # fmt: skip
def test_base64url_refuses(text):
    with pytest.raises(ValueError):  # noqa: PT011 - of any kind
        from_base64url(text)


@pytest.mark.standard("7515-02")
@pytest.mark.parametrize(
    ("start", "ends"), [(b"QUJ", ALPHABET), (b"QU", b"AEIMQUYcgkosw048"), (b"Q", b"AQgw"), (b"QUJD", b"")]
)
def test_base64url_ends_in_a_character_without_spare_bits(start, ends):
    assert {end for end in range(256) if _is_base64url(start + bytes([end]))} == set(ends)


def _is_base64url(text):
    try:
        from_base64url(text)
    except ValueError:
        return False
    return True


def test_base64url_never_raises_anything_else():
    for length in range(3):
        for text in _every_string(length):
            _is_base64url(text)


def _every_string(length):
    if length == 0:
        return [b""]
    return [bytes([first]) + rest for first in range(256) for rest in _every_string(length - 1)]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(
    st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), json_values, max_size=5)
)
def test_an_object_comes_back_as_it_was_written(members):
    assert from_json_object(to_json(members)) == members


@pytest.mark.standard("7519-04")
@pytest.mark.standard("8725-06")
@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b'{"a":1,"a":2}', id="a duplicate name"),
        pytest.param(b'{"a":1,"\\u0061":1}', id="a duplicate name in another spelling"),
        pytest.param(b'{"x":[{"b":{"a":1,"a":1}}]}', id="a duplicate name deep inside"),
        pytest.param(b'{"a":NaN}', id="NaN"),
        pytest.param(b'{"a":Infinity}', id="Infinity"),
        pytest.param(b'{"a":-Infinity}', id="-Infinity"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"{", id="half an object"),
        pytest.param(b'{"a":1}{}', id="two objects"),
        pytest.param(b'{"a":1}\n', id="a line break behind it"),
        pytest.param(b' {"a":1}', id="a space before it"),
        pytest.param(b'{"a":1}\x00', id="NUL behind it"),
        pytest.param(b'\xef\xbb\xbf{"a":1}', id="a byte order mark"),
        pytest.param('{"a":1}'.encode("utf-16"), id="UTF-16"),
        pytest.param('{"a":1}'.encode("utf-32-le"), id="UTF-32"),
        pytest.param(b'{"a":"\xff"}', id="not UTF-8"),
        pytest.param(b'{"a":"\xc0\xaf"}', id="overlong UTF-8"),
        pytest.param(b'{"a":"\xed\xa0\x80"}', id="half a surrogate pair in UTF-8"),
        pytest.param(b'{"a":"\\ud800"}', id="half a surrogate pair"),
        pytest.param(b'{"a":"x\\udfffx"}', id="the other half"),
        pytest.param(b'{"\\uD800":1}', id="half a surrogate pair as a name"),
        pytest.param(b'{"a":"\x01"}', id="a control character"),
        pytest.param(b"{'a':1}", id="single quotes"),
        pytest.param(b'{"a":1,}', id="a trailing comma"),
        pytest.param(b'{"a":01}', id="a leading zero"),
        pytest.param(b'{"a":1}//', id="a comment"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'"a"', id="a text"),
        pytest.param(b"1", id="a number"),
        pytest.param(b"null", id="null"),
        pytest.param(b"true", id="true"),
        pytest.param(b'{"a":' + b"9" * 5000 + b"}", id="a number longer than Python reads"),
        pytest.param(b'{"a":' * 5000, id="nested too deep"),
        pytest.param(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", id="closed, nested too deep"),
    ],
)
def test_an_object_is_refused_with(raw):
    with pytest.raises(ValueError):  # noqa: PT011 - of any kind
        from_json_object(raw)


def test_a_whole_surrogate_pair_is_one_character():
    assert from_json_object(b'{"a":"\\ud83d\\ude00"}') == {"a": "\U0001f600"}


def test_a_backslash_before_u_is_no_escape():
    assert from_json_object(rb'{"a":"\\ud800"}') == {"a": r"\ud800"}


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_json_is_an_object_or_a_value_error(raw):
    try:
        members = from_json_object(raw)
    except ValueError:
        return

    assert members == json.loads(raw)


def test_writing_refuses_what_is_not_json():
    with pytest.raises(ValueError, match="Out of range"):
        to_json({"a": float("nan")})
