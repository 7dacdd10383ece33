"""F24: the connection outlives the revocation. A real server, connections opened with a valid token."""

import contextlib
import http.client
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.live import PATIENCE, LiveSite, running, site_environment, spare_port
from tests.sessions import Session, log_in
from tokenauth.flows import revoke
from tokenauth.models import Client, Device, RevocationOrder, users
from tokenauth.models.order import OrderKind
from tokenauth.revocation.subjects import OfDevice, OfFamily, OfUser

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(240)]

#: Seconds in which a connection has ended that was to end: far more than the bound, a busy machine's.
SOON = 30


@pytest.fixture
def site(transactional_db: None, tmp_path: Path) -> Iterator[LiveSite]:
    """The example site on uvicorn."""
    running_site = LiveSite(spare_port())
    command = [sys.executable, "-m", "uvicorn", "project.asgi:application", "--host", "127.0.0.1"]
    command += ["--port", str(running_site.port), "--log-level", "warning"]
    with running(command, site_environment(tmp_path, running_site.port)) as server:
        until = time.monotonic() + PATIENCE
        while server.poll() is None and time.monotonic() < until:
            with contextlib.suppress(OSError):
                if running_site.get("/auth/jwks/").status == 200:
                    break
            time.sleep(0.05)
        else:
            pytest.fail("the site did not start: its own lines say why")
        yield running_site


class Events:
    """A stream of server-sent events, open until the server ends it."""

    def __init__(self, site: LiveSite, token: str) -> None:
        self._line = http.client.HTTPConnection("127.0.0.1", site.port, timeout=SOON)
        self._line.request("GET", "/events/", headers={"Authorization": f"Bearer {token}"})
        self._answer = self._line.getresponse()
        self.status = self._answer.status
        self.tick()

    def tick(self) -> str:
        """The next event's data; of the last one the cause."""
        while line := self._answer.readline():
            if line.startswith(b"data: "):
                return line.removeprefix(b"data: ").decode().strip()
        return ""

    def end(self) -> str:
        """Read until it ends; the cause."""
        last, until = "", time.monotonic() + SOON
        while tick := self.tick():
            assert time.monotonic() < until, "it is still open"
            last = tick
        return last

    def is_open(self) -> bool:
        return self.tick().isdigit()

    def close(self) -> None:
        self._line.close()


class Socket:
    """A websocket that the server echoes on."""

    def __init__(self, site: LiveSite, token: str) -> None:
        self._open = contextlib.ExitStack()
        self._socket: ClientConnection = self._open.enter_context(
            connect(f"ws://127.0.0.1:{site.port}/", additional_headers={"Authorization": f"Bearer {token}"})
        )

    def is_open(self) -> bool:
        self._socket.send("still there?")
        return self._socket.recv(timeout=SOON) == "still there?"

    def end(self) -> str:
        with pytest.raises(ConnectionClosed) as closed:
            self._socket.recv(timeout=SOON)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4401
        return closed.value.rcvd.reason

    def close(self) -> None:
        self._open.close()


Opened = Callable[[Session], Any]


@pytest.fixture(params=[Events, Socket], ids=["events", "websocket"])
def opened(site, request) -> Iterator[Opened]:
    """Open a connection in a session's name; both kinds must behave alike."""
    with contextlib.ExitStack() as stack:
        yield lambda session: stack.enter_context(
            contextlib.closing(request.param(site, session.pair.access_token))
        )


def test_a_revocation_closes_what_it_concerns_and_nothing_else(opened):
    ended, changed, lost, other = (log_in(device=f"phone-{n}") for n in range(4))
    lines = [opened(session) for session in (ended, changed, lost, other)]

    revoke(OfFamily(ended.family_id))
    revoke(OfUser(users.key_of(changed.user)))
    revoke(OfDevice(Device.objects.get(pk=lost.family.device_id).pk))

    assert [line.end() for line in lines[:3]] == ["ended", "account_changed", "revoked"]
    assert lines[3].is_open()


def test_a_rotation_closes_nothing_and_the_session_s_end_does_later(opened):
    session = log_in()
    line = opened(session)

    session.refresh()
    RevocationOrder.objects.create(
        kind=OrderKind.GENERATION, key=str(session.family_id), floor=9, at=timezone.now()
    )
    other = log_in()
    canary = opened(other)
    revoke(OfFamily(other.family_id))
    assert canary.end() == "ended"  # what was written before it has arrived

    assert line.is_open()
    revoke(OfFamily(session.family_id))
    assert line.end() == "ended"


def test_expiry_closes_it(opened, settings):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "POLICIES": {"browser": {"access": 10}}}
    # issued a while ago: of its ten seconds and the ten of LEEWAY a few are left
    with time_machine.travel(datetime.now(UTC) - timedelta(seconds=15)):
        session = log_in()
    line = opened(session)

    assert line.is_open()
    assert line.end() == "expired"


def test_a_dead_token_opens_nothing(site):
    session = log_in()
    revoke(OfFamily(session.family_id))

    with pytest.raises(InvalidStatus) as refused:
        Socket(site, session.pair.access_token)
    answer = site.get("/events/", bearer=session.pair.access_token)

    assert refused.value.response.status_code == 403
    assert answer.status == 401
    assert Client.objects.count() == 1
