"""`manage.py tokenauth_doctor`, as an operator and as a program reads it."""

import json
import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core import checks
from django.core.checks.registry import registry
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, connections, transaction
from django.utils import timezone

from tests import aliases, silent
from tests.factories import UserFactory
from tests.sessions import log_in
from tokenauth.doctor import bounded
from tokenauth.doctor.examinations import EXAMINATIONS
from tokenauth.flows import housekeeping, revoke
from tokenauth.models import KeyRecord, Plane, RevocationOrder, users
from tokenauth.models.key import KeyState
from tokenauth.revocation import source
from tokenauth.revocation.subjects import OfUser
from tokenauth.tokens.encoding import to_base64url

in_database = pytest.mark.django_db(transaction=True)

NAMES = {each.name for each in EXAMINATIONS}
MANAGE = Path(__file__).parent.parent.parent / "manage.py"
WRAPPING = [to_base64url(b"a-wrapping-key-of-32-bytes-only!")]
ANOTHER = to_base64url(b"another-key-of-thirty-two-bytes!")
#: Options of a connection that may write nothing.
READ_ONLY = {
    "sqlite": {"init_command": "PRAGMA query_only = ON"},
    "postgresql": {"options": "-c default_transaction_read_only=on"},
}


@pytest.fixture
def sound(settings):
    """A site of which there is nothing to say."""
    settings.CACHES = {
        **settings.CACHES,
        "counts": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": "redis://127.0.0.1:6379/13"},
    }
    settings.TOKENAUTH = {
        **settings.TOKENAUTH,
        # no thread polls, and numbers, while a test looks
        "MIRROR": "request",
        "LIMITS_CACHE": "counts",
        "ENCRYPTION_KEYS": WRAPPING,
    }
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:6379/13"
    settings.SECURE_HSTS_SECONDS, settings.SECURE_SSL_REDIRECT = 3600, True
    settings.SECURE_HSTS_PRELOAD = settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    settings.ALLOWED_HOSTS = ["issuer.test"]
    settings.SECRET_KEY = "a-key-of-fifty-characters-0123456789-abcdefghijklmnopq"
    settings.SILENCED_SYSTEM_CHECKS = ["security.W002"]  # no XFrameOptionsMiddleware


def run(*args: str) -> list[str]:
    out = StringIO()
    with suppress(CommandError):
        call_command("tokenauth_doctor", *args, stdout=out)
    return out.getvalue().splitlines()


def status(*args: str) -> int:
    try:
        call_command("tokenauth_doctor", *args, stdout=StringIO())
    except CommandError as failure:
        return failure.returncode
    return 0


def bad(lines: list[str]) -> list[str]:
    return [line for line in lines if not line.startswith("ok ")]


def told(lines: list[str]) -> dict[str, str]:
    """Examination -> the worst word that was said of it."""
    order = ["ok", "warning", "error"]
    words: dict[str, str] = {}
    for level, about, *_ in map(str.split, lines):
        words[about] = max(words.get(about, "ok"), level, key=order.index)
    return words


@in_database
class TestASoundSite:
    def test_has_a_line_for_each_examination_and_all_are_ok(self, sound):
        lines = run()

        assert bad(lines) == []
        assert {line.split()[1] for line in lines} == NAMES

    def test_is_still_sound_once_it_has_been_used(self, sound):
        log_in()
        source.make_plane(connection)
        for name in housekeeping.JOBS:
            housekeeping.run(name)

        assert bad(run()) == []

    def test_exits_with_0_whatever_counts_as_failure(self, sound):
        assert status() == status("--fail-level", "warning") == 0


@in_database
class TestWhatIsWrong:
    def test_a_warning_fails_only_where_it_is_asked_to(self, sound, settings):
        settings.TOKENAUTH = {**settings.TOKENAUTH, "ENCRYPTION_KEYS": []}

        (line,) = bad(run())

        assert line.startswith("warning  checks      tokenauth.W001:")
        assert " -> Put the output of 'manage.py tokenauth_keys new-encryption-key' first" in line
        assert status() == 0
        assert status("--fail-level", "warning") == 2

    def test_an_error_fails_always(self, sound, settings):
        log_in()
        settings.TOKENAUTH = {**settings.TOKENAUTH, "ENCRYPTION_KEYS": ["A" * 43]}

        words = told(run())

        assert words["keys"] == words["data"] == "error"
        assert status() == status("--fail-level", "warning") == 1

    def test_what_a_site_silenced_is_not_told(self, sound, settings):
        settings.TOKENAUTH = {**settings.TOKENAUTH, "ENCRYPTION_KEYS": []}
        settings.SILENCED_SYSTEM_CHECKS = [*settings.SILENCED_SYSTEM_CHECKS, "tokenauth.W001"]

        assert bad(run()) == []

    def test_errors_stand_before_warnings_and_ids_in_order(self, sound, settings):
        settings.TOKENAUTH = {
            **settings.TOKENAUTH,
            "ENCRYPTION_KEYS": [],
            "KEY_LIFETIME": 86_400,
            "ISUER": "",
        }
        settings.TOKENAUTH["LONGEST_CLIENT_CACHE"] = 86_400

        assert [line.split()[2] for line in bad(run())] == [
            "tokenauth.E006:",
            "tokenauth.W001:",
            "tokenauth.W002:",
        ]

    def test_settings_that_cannot_be_read_are_one_error_and_no_traceback(self, sound, settings):
        settings.TOKENAUTH = {**settings.TOKENAUTH, "LEEWAY": "long"}

        words = told(run())

        assert [name for name, word in words.items() if word == "error"] == ["settings"]
        assert words["broker"] == "ok"
        assert status() == 1


@in_database
class TestForPrograms:
    def test_json_says_the_same(self, sound, settings):
        settings.TOKENAUTH = {**settings.TOKENAUTH, "ENCRYPTION_KEYS": []}

        shown = json.loads("\n".join(run("--json")))

        assert shown["level"] == "warning"
        assert {each["about"] for each in shown["findings"]} == NAMES
        (wrong,) = [each for each in shown["findings"] if each["level"] != "ok"]
        assert set(wrong) == {"about", "level", "text", "mend"}
        assert f"{wrong['text']} -> {wrong['mend']}" in bad(run())[0]

    def test_json_is_all_there_is_on_standard_output(self, sound, settings):
        settings.TOKENAUTH = {**settings.TOKENAUTH, "LEEWAY": "long"}

        assert json.loads("\n".join(run("--json")))["level"] == "error"

    @pytest.mark.parametrize("seconds", ["0", "-1", "601", "nan", "soon"])
    def test_a_time_limit_must_be_one(self, seconds):
        with pytest.raises(CommandError, match="more than 0 and at most 600 seconds"):
            call_command("tokenauth_doctor", f"--timeout={seconds}")


@in_database
class TestOneThatFails:
    def test_does_not_stop_the_others(self, sound, monkeypatch):
        def broken(*args, **kwargs):
            raise RuntimeError("with something secret")

        source.make_plane(connection)
        monkeypatch.setattr(source, "ask", broken)

        (line,) = bad(run())

        assert line.startswith("error    mirror      could not be examined: RuntimeError ->")

    def test_by_hanging_does_not_stop_the_others(self, sound, monkeypatch):
        release = threading.Event()
        monkeypatch.setattr(source, "ask", lambda *args, **kwargs: release.wait(30))
        began = time.monotonic()

        (line,) = bad(run("--timeout", "0.5"))
        release.set()

        assert line.startswith("error    mirror      no answer within 0.5 seconds")
        assert time.monotonic() - began < 10

    @pytest.mark.postgres
    def test_behind_a_lock_does_not_stop_the_others(self, sound):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {KeyRecord._meta.db_table} IN ACCESS EXCLUSIVE MODE")
            words = told(run("--timeout", "1"))

        assert {name for name, word in words.items() if word == "error"} == {"data", "keys", "jobs"}

    def test_for_want_of_threads_runs_all_the_same(self, sound, settings, monkeypatch):
        settings.TOKENAUTH = {**settings.TOKENAUTH, "MIRROR": "auto"}

        def refused(self):
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(threading.Thread, "start", refused)

        (line,) = bad(run())

        assert line.startswith("warning  threads     none can be started here")


class TestADatabase:
    """That cannot be used gives a report."""

    @pytest.fixture(autouse=True)
    def any_database(self, django_db_setup, django_db_blocker):
        """As outside of tests: an alias of which the tests' own database knows nothing."""
        with django_db_blocker.unblock():
            yield

    def test_that_refuses(self, sound, settings):
        lines = self.told_of(settings, port=silent.refusing_port())

        assert "OperationalError: connection failed" in self.the_error(lines)
        self.and_all_else_is_told(lines)

    def test_that_says_nothing(self, sound, settings):
        with silent.server() as port:
            began = time.monotonic()
            lines = self.told_of(settings, port=port)
            took = time.monotonic() - began

        assert "database    no answer within 1 seconds" in self.the_error(lines)
        assert took < 10
        self.and_all_else_is_told(lines)

    def test_whose_file_is_not_there_is_not_made(self, sound, settings, tmp_path):
        file = tmp_path / "site.sqlite3"

        lines = self.on_sqlite(settings, file)

        assert "the file of 'empty' is not there" in self.the_error(lines)
        assert not file.exists()

    def test_without_tables_has_to_be_migrated(self, sound, settings, tmp_path):
        file = tmp_path / "empty.sqlite3"
        file.touch()

        lines = self.on_sqlite(settings, file)

        assert "0001_initial" in self.the_error(lines)
        assert "manage.py migrate tokenauth --database empty" in self.the_error(lines)
        assert file.stat().st_size == 0

    def told_of(self, settings, *, port):
        server = {"HOST": "127.0.0.1", "PORT": port, "USER": "site", "PASSWORD": "never-to-be-seen"}
        with aliases.added("away", ENGINE="django.db.backends.postgresql", NAME="x", **server) as alias:
            settings.TOKENAUTH = {**settings.TOKENAUTH, "DATABASE": alias}
            lines = run("--timeout", "1")
        assert "never-to-be-seen" not in str(lines)
        return lines

    def on_sqlite(self, settings, file):
        with aliases.added("empty", ENGINE="django.db.backends.sqlite3", NAME=str(file)) as alias:
            settings.TOKENAUTH = {**settings.TOKENAUTH, "DATABASE": alias}
            return run()

    def the_error(self, lines):
        (line,) = [line for line in lines if line.startswith("error")]
        return line

    def and_all_else_is_told(self, lines):
        words = told(lines)
        assert words["cache"] == words["broker"] == words["threads"] == "ok"
        for name in ("migrations", "data", "keys", "mirror", "triggers", "clock", "jobs"):
            assert words[name] == "warning", name


@in_database
class TestItChangesNothing:
    @pytest.fixture
    def read_only(self, monkeypatch):
        """A block in which whoever connects may not write."""

        @contextmanager
        def block():
            settings = connections.settings["default"]
            may_not = {**settings["OPTIONS"], **READ_ONLY[connection.vendor]}
            with monkeypatch.context() as inside:
                inside.setitem(settings, "OPTIONS", may_not)
                yield

        connection.ensure_connection()
        return block

    def test_where_the_database_lets_nobody_write(self, sound, read_only):
        """Or the tests below would show nothing."""

        def write():
            try:
                UserFactory()
            finally:
                connections.close_all()

        with read_only(), pytest.raises(DatabaseError, match=r"read-?only"):
            bounded.within(5, write)

    def test_on_a_new_site(self, sound, read_only):
        with read_only():
            assert bad(run()) == []

        assert not Plane.objects.exists()
        assert not KeyRecord.objects.exists()

    def test_on_one_that_has_work_left(self, sound, read_only, settings):
        user = log_in().user
        revoke(OfUser(users.key_of(user)), reason="test")
        source.make_plane(connection)
        RevocationOrder.objects.update(at=timezone.now() - timedelta(hours=3), number=None, until=None)
        KeyRecord.objects.filter(state=KeyState.NEXT).delete()
        settings.TOKENAUTH = {**settings.TOKENAUTH, "ENCRYPTION_KEYS": [ANOTHER, *WRAPPING]}

        with read_only():
            words = told(run())

        assert words["keys"] == words["mirror"] == "warning"
        assert "error" not in words.values()
        assert RevocationOrder.objects.get().number is None


@in_database
class TestNothingSecret:
    PASSWORD = "never-to-be-seen"

    @pytest.mark.parametrize(
        "location",
        ["redis://:{}@127.0.0.1:1/0", "redis://site:{}@127.0.0.1:6379/13", "redis://:{}/x@127.0.0.1:1/0"],
    )
    @pytest.mark.parametrize("form", [(), ("--json",)])
    def test_of_a_cache(self, sound, settings, location, form):
        backend = "django_redis.cache.RedisCache"
        settings.CACHES = {
            **settings.CACHES,
            "counts": {"BACKEND": backend, "LOCATION": location.format(self.PASSWORD)},
        }

        shown = "\n".join(run(*form))

        assert "error" in shown
        assert self.PASSWORD not in shown

    @pytest.mark.parametrize("broker", ["amqp://guest:{}@127.0.0.1:1//", "amqp://guest:{}@127.0.0.1:5672//"])
    def test_of_a_broker(self, sound, settings, broker):
        settings.CELERY_BROKER_URL = broker.format(self.PASSWORD)

        shown = "\n".join(run())

        assert told(run())["broker"] == "error"
        assert self.PASSWORD not in shown

    def test_that_anothers_check_gives_away(self, sound, settings, monkeypatch):
        def careless(**kwargs):
            return [checks.Warning(f"SECRET_KEY is {settings.SECRET_KEY}", hint="Change it.", id="site.W001")]

        careless.tags = (checks.Tags.security,)
        monkeypatch.setattr(registry, "registered_checks", {*registry.registered_checks, careless})

        (line,) = bad(run())

        assert settings.SECRET_KEY not in line
        assert line.endswith("(withheld: it holds a secret of the settings) -> Change it.")

    def test_of_keys(self, sound, settings):
        log_in()
        wrapping = settings.TOKENAUTH["ENCRYPTION_KEYS"][0]

        shown = "\n".join([*run(), *run("--json")])

        assert wrapping not in shown
        for record in KeyRecord.objects.all():
            assert to_base64url(bytes(record.envelope)) not in shown


class TestTheRealCommand:
    """In a process of its own, on the example site."""

    @pytest.fixture
    def manage(self, tmp_path):
        ours = {"DJANGO_SETTINGS_MODULE": "project.settings", "DATABASE_URL": "", "SITE_VAR": str(tmp_path)}

        def run(*args, **environment):
            return subprocess.run(
                [sys.executable, str(MANAGE), *args],
                env={**os.environ, **ours, **environment},
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )

        return run

    def test_ends_where_nothing_of_the_site_answers(self, manage):
        with silent.server() as port:
            began = time.monotonic()
            done = manage(
                "tokenauth_doctor",
                "--timeout=1",
                DATABASE_URL=f"postgres://site:never-to-be-seen@127.0.0.1:{port}/site",
                REDIS_URL=f"redis://:never-to-be-seen@127.0.0.1:{port}/0",
                CELERY_BROKER_URL=f"amqp://guest:never-to-be-seen@127.0.0.1:{port}//",
            )
            took = time.monotonic() - began

        words = told(done.stdout.splitlines())
        assert {name for name, word in words.items() if word == "error"} == {"database", "cache", "broker"}
        assert done.returncode == 1
        assert took < 20
        assert "never-to-be-seen" not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr

    @pytest.mark.slow
    def test_reports_what_stops_every_other_command(self, manage):
        assert manage("migrate", "--skip-checks").returncode == 0

        sound, broken = manage("tokenauth_doctor"), manage("tokenauth_doctor", GRACE_SECONDS="-1")

        assert sound.returncode == 0, sound.stdout
        assert broken.returncode == 1
        assert "error    checks      tokenauth.E003" in broken.stdout
