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
from project.demo import guide, http, manifest, story
from project.demo.steps import Step, steps
from project.processes import Processes, end_with_parent
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
    port = environment.number("PORT", 8000)
    if not _is_free(port):
        print(f"Port {port} is taken; choose another one with PORT=...", file=sys.stderr)
        return 1

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    manifest.remove()  # a site that was killed has left its own
    _prepare()
    try:
        with Processes(_commands(port)) as site:
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


def _commands(port: int) -> list[list[str]]:
    gunicorn = [sys.executable, "-m", "gunicorn", "project.wsgi", "--bind", f"127.0.0.1:{port}"]
    gunicorn += ["--workers", str(environment.number("WORKERS", 1)), "--threads", "4"]
    gunicorn += ["--log-level", "warning", "--no-control-socket"]
    if not settings.CELERY_BROKER_URL:
        return [gunicorn]
    worker = [sys.executable, "-m", "celery", "-A", "project.celery", "worker", "--loglevel", "warning"]
    beat = ["--beat", "--schedule", str(settings.VAR / "beat")]
    return [gunicorn, [*worker, "--concurrency", "1", *beat]]


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
    while site.all_run() and time.monotonic() < until:
        try:
            if all(http.call(f"{settings.BASE_URL}{path}").status == 200 for path in PROBES):
                return True
        except urllib.error.URLError:
            pass  # it does not listen yet
        time.sleep(0.1)
    return False


def _story() -> list[Step]:
    return steps(grace=settings.GRACE, bound=conf.current().STALENESS_BOUND)


if __name__ == "__main__":
    sys.exit(main())
