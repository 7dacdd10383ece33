"""Short locking transactions, and which failures only mean that somebody else was first."""

import pytest
from django.db import OperationalError, connection, transaction

from tokenauth.models import isolation


def failure(*args: object, **cause: object) -> OperationalError:
    error = OperationalError(*args)
    error.__cause__ = type("DriverError", (Exception,), cause)()
    return error


@pytest.mark.parametrize(
    "error",
    [
        failure(sqlstate="40001"),
        failure(sqlstate="40P01"),
        failure(sqlstate="55P03"),
        failure(pgcode="40001"),
        failure(1205, "Lock wait timeout exceeded"),
        failure(1213, "Deadlock found"),
        failure(1020, "Record has changed since last read"),
        failure("database is locked"),
    ],
    ids=str,
)
def test_losing_a_race_is_tried_again(error):
    assert isolation.is_transient(error)


@pytest.mark.parametrize(
    "error",
    [failure(sqlstate="57P01"), failure(2013, "Lost connection"), failure("disk I/O error"), failure()],
    ids=str,
)
def test_what_may_have_been_written_is_not(error):
    assert not isolation.is_transient(error)


def setting(name: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW {name}")
        return cursor.fetchone()[0]


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
class TestOnPostgres:
    @pytest.fixture(autouse=True)
    def repeatable_read(self):
        with connection.cursor() as cursor:
            cursor.execute("SET default_transaction_isolation = 'repeatable read'")
        yield
        connection.close()

    def test_it_is_read_committed_whatever_the_sites_level(self):
        with isolation.short_locks(using="default"):
            assert setting("transaction_isolation") == "read committed"

    def test_it_waits_briefly(self):
        with isolation.short_locks(using="default"):
            assert setting("lock_timeout") == "300ms"

        assert setting("lock_timeout") == "0"

    @pytest.mark.direct
    def test_it_keeps_the_level_of_a_transaction_that_it_joins(self):
        with transaction.atomic(), isolation.short_locks(using="default"):
            assert setting("transaction_isolation") == "repeatable read"


@pytest.mark.django_db(transaction=True)
def test_it_is_one_transaction():
    with isolation.short_locks(using="default"):
        assert connection.in_atomic_block

    assert not connection.in_atomic_block
