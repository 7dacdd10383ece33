"""The how-to pages, each executed on a site on which the tutorial would run."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.docs import walk
from tests.docs.conftest import New
from tests.docs.pages import DOCS
from tests.docs.site import PATIENCE, Site
from tests.live import spare_port
from tests.redis_servers import redis_running

HOW_TO = DOCS / "how-to"
#: Those whose commands show for themselves that they work.
TELL_FOR_THEMSELVES = (
    "run-without-redis-and-celery",
    "run-behind-a-proxy",
    "write-your-own-login",
    "change-ones-own-password",
    "revoke-a-lost-device",
    "restore-a-backup",
    "open-connections",
)
EXECUTED = (
    *TELL_FOR_THEMSELVES,
    "log-in-with-a-social-account",
    "keep-house-with-celery",
    "notify-at-once",
    "validate-tokens-elsewhere",
)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", TELL_FOR_THEMSELVES)
def test_a_page_goes_as_it_is_told(name: str, new: New):
    with ExitStack() as stack:
        walk.walk(HOW_TO / f"{name}.md", new(), stack)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_an_id_token_of_the_provider_opens_and_no_other(new: New):
    ours, theirs = (rsa.generate_private_key(65537, 2048) for _ in range(2))
    with serving_keys(ours) as port, ExitStack() as stack:
        provider = f"http://127.0.0.1:{port}"
        site = new(**{"https://accounts.provider.example": provider})
        walk.walk(HOW_TO / "log-in-with-a-social-account.md", site, stack)
        stack.enter_context(site.serving())

        def log_in(key: Any, **other: object) -> int:
            claims = {"iss": provider, "aud": "the-client-id-that-it-gave-you", "sub": "4711"}
            claims |= {"iat": int(time.time()), "exp": int(time.time()) + 600, **other}
            token = jwt.encode(claims, key, "RS256", {"kid": "1"})
            body = {"id_token": token, "client_id": "web"}
            first, _ = site.call("POST", "/login/social/", body)
            assert site.call("POST", "/login/social/", body)[0] == 400  # used, or never any good
            return first

        assert log_in(ours) == 200
        assert log_in(ours, nonce="of another login") == 200
        assert log_in(theirs) == 400
        assert log_in(ours, aud="another-client") == 400
        assert log_in(ours, iss="https://elsewhere.example") == 400
        assert log_in(ours, iat=int(time.time()) - 400) == 400
        assert log_in(ours, exp=int(time.time()) - 60) == 400
    named = "from django.contrib.auth.models import User; print(*User.objects.values_list('username'))"
    assert "provider:4711" in site.run([site.python, "manage.py", "shell", "-v", "0", "-c", named])


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_news_travel_by_redis(new: New, tmp_path: Path):
    with redis_running(tmp_path) as news, ExitStack() as stack:
        walk.walk(HOW_TO / "notify-at-once.md", new(**{"redis://127.0.0.1:6379/1": news.url}), stack)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_worker_runs_the_job_that_is_sent(new: New):
    site = new(**{'"redis://127.0.0.1:6379/0"': '"filesystem://"'})
    with (site.folder / "shop/settings.py").open("a") as settings:
        folders = {
            "data_folder_in": str(site.folder / "broker"),
            "data_folder_out": str(site.folder / "broker"),
        }
        settings.write(f"CELERY_BROKER_TRANSPORT_OPTIONS = {folders!r}\n")
    (site.folder / "broker").mkdir()

    with ExitStack() as stack:
        walk.walk(HOW_TO / "keep-house-with-celery.md", site, stack)
        until = time.monotonic() + PATIENCE
        while "purge" not in last_runs(site):
            assert time.monotonic() < until


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_service_elsewhere_opens_and_closes(new: New):
    with ExitStack() as stack:
        site = new(**{"8001": str(spare_port())})
        walk.walk(HOW_TO / "validate-tokens-elsewhere.md", site, stack)


@pytest.mark.parametrize("name", EXECUTED)
def test_nothing_is_shown_that_nobody_runs(name: str):
    assert walk.unmarked(HOW_TO / f"{name}.md") == []


def last_runs(site: Site) -> str:
    program = "from tokenauth.models import TaskRun; print(*TaskRun.objects.exclude(last_ok_at=None))"
    return site.run([site.python, "manage.py", "shell", "-v", "0", "-c", program])


@contextmanager
def serving_keys(key: rsa.RSAPrivateKey) -> Iterator[int]:
    """A provider's key set, on a port of its own."""
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())) | {"kid": "1", "use": "sig"}

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"keys": [public]}).encode())

        def log_message(self, *args: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Keys) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()
