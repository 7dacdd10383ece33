"""Scope and audience only ever shrink."""

import pytest

from tokenauth.errors import Cause, Refused
from tokenauth.policy.grant import audience_within, scope_within


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (None, "a b"),
        ("", "a b"),
        ("b", "b"),
        ("b a", "a b"),
        ("a a", "a"),
        ("c", Refused(Cause.SCOPE)),
        ("a c", Refused(Cause.SCOPE)),
        ("A", Refused(Cause.SCOPE)),
        ("a  b", Refused(Cause.SCOPE)),
        ('a"', Refused(Cause.SCOPE)),
    ],
)
def test_scope(asked, answer):
    assert scope_within(asked, ["b", "a"]) == answer


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ((), "https://a https://b"),
        (("https://b",), "https://b"),
        (("https://c",), Refused(Cause.AUDIENCE)),
        (("https://a", "https://c"), Refused(Cause.AUDIENCE)),
    ],
)
def test_audience(asked, answer):
    assert audience_within(asked, ["https://a", "https://b"]) == answer
