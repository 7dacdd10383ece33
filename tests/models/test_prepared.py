"""The statements of a refresh are planned once a connection, and nobody notices when they cannot be."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import DataError, connection, transaction

from tests.models.conftest import sent
from tests.sessions import Session, log_in
from tokenauth.flows.outcomes import Rotated
from tokenauth.models.prepared import Statement, run

needs_postgres = [
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("fresh_connection"),
]


def kept_plans() -> dict[str, tuple[int, int]]:
    """Name -> how often a plan was made for the parameters, and how often the kept one served."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, custom_plans, generic_plans FROM pg_prepared_statements "
            "WHERE name LIKE 'tokenauth_%'"
        )
        return {name: (custom, generic) for name, custom, generic in cursor.fetchall()}


def refreshes(session: Session, clock, times: int = 1) -> None:
    for _ in range(times):
        clock.shift(290)
        session.refresh()


@contextmanager
def in_pooler_mode() -> Iterator[None]:
    before = connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS")
    connection.settings_dict["DISABLE_SERVER_SIDE_CURSORS"] = True
    yield
    connection.settings_dict["DISABLE_SERVER_SIDE_CURSORS"] = before


def prepared(mode: str, settings) -> None:
    settings.TOKENAUTH = {**settings.TOKENAUTH, "PREPARED": mode}


class TestStatement:
    statement = Statement.of("SELECT %s, %s", ["varchar(64)", "numeric(10, 2)"])

    def test_parameters_are_numbered(self):
        assert self.statement.prepare.endswith("AS SELECT $1, $2")

    def test_types_lose_their_length_which_prepare_would_cut_to(self):
        assert self.statement.types == ("varchar", "numeric")

    def test_one_name_stands_for_one_text_and_its_types(self):
        names = {
            Statement.of(sql, types).name
            for sql in ("SELECT %s", "SELECT +%s")
            for types in (["text"], ["varchar(1)"], ["varchar(2)"])
        }

        assert len(names) == 4

    def test_execution_passes_the_parameters_in_order(self):
        assert self.statement.execute == f"EXECUTE {self.statement.name} (%s, %s)"


class TestOnPostgres:
    pytestmark = [*needs_postgres, pytest.mark.direct]

    def test_both_statements_keep_their_plan_on_the_connection(self, clock):
        session = log_in()

        refreshes(session, clock, 12)

        plans = kept_plans()
        assert len(plans) == 2
        for custom, generic in plans.values():
            assert custom + generic == 12
            assert generic >= 6  # PostgreSQL compares five plans before it keeps one

    def test_each_is_prepared_once(self, clock):
        session = log_in()

        with sent() as statements:
            refreshes(session, clock, 5)

        assert sum(sql.startswith("PREPARE") for sql in statements) == 2
        assert sum(sql.startswith("EXECUTE") for sql in statements) == 10

    def test_a_new_server_connection_prepares_for_itself(self, clock):
        session = log_in()
        refreshes(session, clock)
        connection.close()

        refreshes(session, clock)

        assert len(kept_plans()) == 2

    @pytest.mark.parametrize("forget", ["DISCARD ALL", "DEALLOCATE ALL"])
    def test_a_server_that_forgot_them_is_told_again(self, clock, forget):
        session = log_in()
        refreshes(session, clock, 2)
        with connection.cursor() as cursor:
            cursor.execute(forget)

        refreshes(session, clock)

        assert session.family.generation == 3
        assert len(kept_plans()) == 2

    def test_one_that_another_client_of_a_pooler_left_behind_is_used(self, clock):
        session = log_in()
        with sent() as statements:
            refreshes(session, clock)
        connection.close()
        with connection.cursor() as cursor:
            for sql in statements:
                if sql.startswith("PREPARE"):
                    cursor.execute(sql)

        refreshes(session, clock)

        assert session.family.generation == 2

    def test_a_migration_beside_running_processes_is_survived(self, clock):
        session = log_in()
        refreshes(session, clock, 2)
        with altered("tokenauth_tokenfamily", "policy", "text", "varchar(64)"):
            refreshes(session, clock)
            assert session.family.generation == 3

        refreshes(session, clock)

        assert session.family.generation == 4

    def test_a_column_that_a_migration_adds_changes_nothing(self, clock):
        session = log_in()
        refreshes(session, clock, 2)
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE tokenauth_tokenfamily ADD COLUMN later integer")
        try:
            refreshes(session, clock)
        finally:
            with connection.cursor() as cursor:
                cursor.execute("ALTER TABLE tokenauth_tokenfamily DROP COLUMN later")

        assert session.family.generation == 3

    def test_none_is_kept_inside_a_transaction(self, clock):
        session = log_in()
        clock.shift(290)

        with transaction.atomic():
            outcome = session.show(session.pair.refresh_token)
            assert kept_plans() == {}

        assert isinstance(outcome, Rotated)
        assert session.family.generation == 1

    def test_off_keeps_none(self, clock, settings):
        prepared("off", settings)

        refreshes(log_in(), clock, 2)

        assert kept_plans() == {}

    def test_auto_keeps_none_behind_a_transaction_pooler(self, clock):
        with in_pooler_mode():
            refreshes(log_in(), clock, 2)

            assert kept_plans() == {}

    def test_on_keeps_them_behind_a_pooler_too(self, clock, settings):
        prepared("on", settings)

        with in_pooler_mode():
            refreshes(log_in(), clock, 2)

            assert len(kept_plans()) == 2

    def test_none_is_kept_where_the_driver_binds_on_the_server(self, clock, monkeypatch):
        options = {**connection.settings_dict.get("OPTIONS", {}), "server_side_binding": True}
        monkeypatch.setitem(connection.settings_dict, "OPTIONS", options)

        session = log_in()
        refreshes(session, clock, 2)

        assert kept_plans() == {}
        assert session.family.generation == 2

    def test_any_other_failure_is_the_callers(self):
        statement = Statement.of("SELECT 1 / CAST(%s AS integer)", ["integer"])

        with pytest.raises(DataError, match="division by zero"):
            run(connection, statement, [0])

        with run(connection, statement, [1]) as cursor:
            assert cursor.fetchone() == (1,)


@contextmanager
def altered(table: str, column: str, to: str, back: str) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} ALTER COLUMN {column} TYPE {to}")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {table} ALTER COLUMN {column} TYPE {back}")


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "postgresql", reason="for the others")
def test_other_back_ends_never_hear_of_prepare(clock, settings):
    prepared("on", settings)
    session = log_in()

    with sent() as statements:
        refreshes(session, clock)

    assert not [sql for sql in statements if sql.startswith(("PREPARE", "EXECUTE"))]
