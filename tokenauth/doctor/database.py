"""The database with tokenauth's tables: does it answer, by TLS, and is it of this release."""

import time
from pathlib import Path

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor

from tokenauth.checks.transport import is_remote
from tokenauth.doctor.findings import Finding, error, ok, warning
from tokenauth.tokens.keyring import database

_APP = "tokenauth"


def answers() -> list[Finding]:
    """Whether it answers at all, how fast, and whether others can read along."""
    connection = connections[database()]
    if _is_missing_file(connection):
        mend = "Run 'manage.py migrate', or correct NAME in DATABASES."
        return [error(f"the file of {connection.alias!r} is not there", mend=mend)]
    with connection.cursor() as cursor:
        began = time.perf_counter()
        cursor.execute("SELECT 1")
        cursor.fetchone()
        took = time.perf_counter() - began
    version = ".".join(map(str, connection.get_database_version()))
    reached = ok(f"{connection.alias!r} answers in {took * 1000:.1f} ms: {connection.display_name} {version}")
    return [reached, *_transport(connection)]


def _is_missing_file(connection: BaseDatabaseWrapper) -> bool:
    # to connect would make it
    name = str(connection.settings_dict["NAME"])
    return connection.vendor == "sqlite" and not name.startswith((":", "file:")) and not Path(name).exists()


def _transport(connection: BaseDatabaseWrapper) -> list[Finding]:
    if not is_remote(_host(connection)):
        return []
    if _is_encrypted(connection):
        return [ok("it is on another host and is reached by TLS")]
    text = "it is on another host and is reached without TLS"
    return [warning(text, mend="See docs/reference/checks.md#w009.")]


def _host(connection: BaseDatabaseWrapper) -> str:
    if connection.vendor == "postgresql":
        # as it was resolved: a service's file or the environment may have named it
        return str(connection.connection.info.host)
    return str(connection.settings_dict["HOST"]) if connection.vendor == "mysql" else ""


def _is_encrypted(connection: BaseDatabaseWrapper) -> bool:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
            return bool(cursor.fetchone()[0])
        cursor.execute("SHOW SESSION STATUS LIKE 'Ssl_cipher'")
        return bool(cursor.fetchone()[1])


def migrations() -> list[Finding]:
    """Whether the tables are of this release."""
    executor = MigrationExecutor(connections[database()])
    ours = [node for node in executor.loader.graph.leaf_nodes() if node[0] == _APP]
    missing = [step.name for step, _ in executor.migration_plan(ours) if step.app_label == _APP]
    if missing:
        mend = f"Run 'manage.py migrate tokenauth --database {database()}'."
        return [error(f"not applied: {', '.join(missing)}", mend=mend)]
    return [ok("all of tokenauth are applied")]
