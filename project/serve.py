"""
Start the example site and keep it in the foreground: `python -m project.serve [--guide | --check]`.

What is missing (database, migrations, demo data) is made first. var/demo.json appears when the site
answers and goes when it stops.
"""

import argparse
import os
import signal
import socket
import sys
import time
import urllib.error
from types import FrameType

import django
from django.conf import settings
from django.core.management import call_command
from django.db import connections

from project import database, environment
from project.demo import data, guide, http, manifest, story, vault
from project.demo.steps import Step, steps
from project.processes import Command, Processes, end_with_parent
from tokenauth import conf

#: Seconds a site may take until it answers.
PATIENCE = 60
#: What has to answer before the site counts as ready.
PROBES = ("/", "/auth/jwks/")


def main() -> int:
    asked = _arguments()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    if "MAKELEVEL" in os.environ:
        end_with_parent()
    port, orders_port = environment.number("PORT", 8000), environment.orders_port()
    for taken, name in ((port, "PORT"), (orders_port, "ORDERS_PORT")):
        if not _is_free(taken):
            print(f"Port {taken} is taken; choose another one with {name}=...", file=sys.stderr)
            return 1

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    manifest.remove()  # a site that was killed has left its own
    _prepare()
    try:
        with Processes([*_commands(port), _orders_service(orders_port)]) as site:
            return _keep(site, asked)
    finally:
        manifest.remove()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Start the example site.")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--guide", action="store_true", help="print what to try")
    mode.add_argument("--check", action="store_true", help="try it and stop; the exit status says if it held")
    return parser.parse_args()


def _stop(number: int, frame: FrameType | None) -> None:
    # a Ctrl-C is how this site is meant to end, so it is no failure
    sys.exit(0 if number == signal.SIGINT else 128 + number)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _prepare() -> None:
    django.setup()
    database.create_if_missing()
    call_command("migrate", verbosity=0)
    call_command("load_demo")
    connections.close_all()


def _commands(port: int) -> list[Command]:
    gunicorn = [sys.executable, "-m", "gunicorn", "project.wsgi", "--bind", f"127.0.0.1:{port}"]
    gunicorn += ["--workers", str(environment.number("WORKERS", 1)), "--threads", "4"]
    gunicorn += ["--log-level", "warning", "--no-control-socket"]
    if not settings.CELERY_BROKER_URL:
        return [Command(gunicorn)]
    worker = [sys.executable, "-m", "celery", "-A", "project.celery", "worker", "--loglevel", "warning"]
    beat = ["--beat", "--schedule", str(settings.VAR / "beat")]
    return [Command(gunicorn), Command([*worker, "--concurrency", "1", *beat])]


def _orders_service(port: int) -> Command:
    """The second service: of all that the site knows it is given its issuer, its name and its secret."""
    known = {
        "TOKENAUTH_ISSUER": settings.BASE_URL,
        "TOKENAUTH_CLIENT_ID": data.ORDERS_API,
        "TOKENAUTH_CLIENT_SECRET": vault.client_secret(data.ORDERS_API) or "",
        "ORDERS_PORT": str(port),
    }
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "VIRTUAL_ENV") if name in os.environ}
    return Command([sys.executable, "-m", "project.orders_service"], {**kept, **known})


def _keep(site: Processes, asked: argparse.Namespace) -> int:
    """Wait until the site answers, say so, and stay until it ends or the story is told."""
    if not _answers(site):
        print("The site did not start: its own lines above say why.", file=sys.stderr)
        return 1
    manifest.write()
    if asked.check:
        return 0 if story.tell(_story(), base_url=settings.BASE_URL) else 1
    print(guide.text(_story()) if asked.guide else f"Ready: {settings.BASE_URL}/", flush=True)
    site.wait()
    print("The site has ended by itself: its own lines above say why.", file=sys.stderr)
    return 1


def _answers(site: Processes) -> bool:
    until = time.monotonic() + PATIENCE
    probes = [*(f"{settings.BASE_URL}{path}" for path in PROBES), f"{settings.ORDERS_URL}/health/"]
    while site.all_run() and time.monotonic() < until:
        try:
            if all(http.call(url).status == 200 for url in probes):
                return True
        except urllib.error.URLError:
            pass  # it does not listen yet
        time.sleep(0.1)
    return False


def _story() -> list[Step]:
    return steps(grace=settings.GRACE, bound=conf.current().STALENESS_BOUND)


if __name__ == "__main__":
    sys.exit(main())
