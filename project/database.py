"""The database that DATABASE_URL names need not exist yet."""

import psycopg
from django.db import connection
from psycopg import sql


def create_if_missing() -> None:
    """Make the PostgreSQL database; SQLite makes its file by itself."""
    if connection.vendor != "postgresql":
        return
    wanted = connection.get_connection_params()
    name = wanted.pop("dbname")
    for option in ("cursor_factory", "context", "prepare_threshold"):
        wanted.pop(option, None)
    with psycopg.connect(**wanted, dbname="postgres", autocommit=True) as server:
        if not server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
