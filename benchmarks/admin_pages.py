"""
Every page of the admin over a million sessions on PostgreSQL: milliseconds and queries of each.

    DATABASE_URL=postgres://postgres@127.0.0.1:5432/admin_pages python -m benchmarks.admin_pages

The database is made and filled where it is not there yet (some minutes); nothing is written afterwards.
"""

import argparse
import os
import time
from urllib.parse import urlsplit

import django
import psycopg
from django.core.management import call_command

USUAL = "postgres://postgres@127.0.0.1:5432/admin_pages"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--families", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--only", default="", help="pages whose name holds this")
    asked = parser.parse_args()
    set_up()

    from benchmarks import admin_crowd, admin_journeys  # noqa: PLC0415 - models are ready only now

    if not admin_crowd.is_filled(asked.families):
        started = time.monotonic()
        admin_crowd.fill(asked.families)
        print(f"filled in {time.monotonic() - started:.0f} s")
    browser = admin_journeys.logged_in()
    print(f"{'page':<58}{'median':>8}{'max':>8}{'SQL':>6}   load {os.getloadavg()[0]:.1f}")
    measured = []
    for page in admin_journeys.pages(browser):
        if asked.only in page.name:
            measured.append(admin_journeys.measure(browser, page, asked.times))
            print(measured[-1], flush=True)
    slow = sum(one.is_slow for one in measured)
    print(f"{len(measured)} pages, {slow} over {admin_journeys.LIMIT} ms, load {os.getloadavg()[0]:.1f}")
    return int(slow > 0)


def set_up() -> None:
    """Make the database where it is not there, and the example site on it."""
    url = os.environ.setdefault("DATABASE_URL", USUAL)
    name = urlsplit(url).path.lstrip("/")
    with psycopg.connect(url.removesuffix(name) + "postgres", autocommit=True) as server:
        if not server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            server.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name)))
    os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"
    django.setup()
    call_command("migrate", verbosity=0)


if __name__ == "__main__":
    raise SystemExit(main())
