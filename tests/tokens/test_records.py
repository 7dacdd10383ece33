"""A record opens as it was sealed, column for column."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from tokenauth.models.key import KeyPurpose, KeyRecord, KeyState
from tokenauth.tokens import records
from tokenauth.tokens.envelope import Spoiled
from tokenauth.tokens.keys import Secret

AT = datetime(2026, 11, 25, 3, 4, 5, 678_901, tzinfo=UTC)
SECRET = Secret(b"secret")


def sealed(state: KeyState = KeyState.ACTIVE, *, at: datetime = AT) -> KeyRecord:
    record = KeyRecord(kid="k", purpose=KeyPurpose.AUDIT, alg="HS256", created_at=at)
    records.put_in_state(record, SECRET, state, at=at)
    return record


@pytest.mark.parametrize("state", [KeyState.NEXT, KeyState.ACTIVE, KeyState.RETIRING])
def test_opens_in_the_state_it_was_put_in(state):
    assert records.opened_secret(sealed(state)) == SECRET


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("kid", "another"),
        ("purpose", KeyPurpose.REFRESH),
        ("alg", "none"),
        ("state", KeyState.RETIRING),
        ("created_at", AT + timedelta(microseconds=1)),
        ("activated_at", None),
        ("activated_at", AT - timedelta(microseconds=1)),
        ("retiring_at", AT),
        ("ended_at", AT),
    ],
)
def test_no_column_may_be_changed_by_whoever_writes_to_the_table(column, value):
    record = sealed()
    setattr(record, column, value)

    with pytest.raises(Spoiled):
        records.opened_secret(record)


def test_the_same_moment_in_another_time_zone_is_the_same():
    record = sealed()
    record.created_at = AT.astimezone(timezone(timedelta(hours=5)))

    assert records.opened_secret(record) == SECRET


@pytest.mark.parametrize("fold", [0, 1])
def test_an_hour_that_comes_twice_is_no_trouble_where_a_site_has_no_time_zones(fold):
    """The database forgets which of the two it was."""
    record = sealed(at=datetime(2026, 10, 25, 2, 30, 0, 123_456, fold=fold))
    record.created_at = record.activated_at = datetime(2026, 10, 25, 2, 30, 0, 123_456)

    assert records.opened_secret(record) == SECRET


@pytest.mark.parametrize("microsecond", range(0, 1_000_000, 7_919))
def test_microseconds_are_not_rounded(microsecond):
    assert records._microseconds(AT.replace(microsecond=microsecond)) % 1_000_000 == microsecond
