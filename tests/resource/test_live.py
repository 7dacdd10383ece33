"""A verifier beside the running site, over real connections: its thread, forks, a site that stops."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.factories import ClientFactory, UserFactory, secret_of
from tests.live import LiveSite, gunicorn, running, site_environment, spare_port
from tests.resource.conftest import ISSUER, ORDERS, why_refused
from tests.sessions import claims_of
from tokenauth.errors import Cause
from tokenauth.resource import Accepted, Verifier
from tokenauth.resource.sources.feed import Feed

pytestmark = pytest.mark.django_db(transaction=True)

START_THREAD = Feed._start_thread
#: Seconds after which a test has failed.
PATIENCE = 60


@pytest.fixture
def with_a_thread(without_a_thread, monkeypatch):
    monkeypatch.setattr(Feed, "_start_thread", START_THREAD)


@pytest.fixture
def server(transactional_db):
    made = ClientFactory(client_id="orders-api", resource=True, audiences=[ORDERS])
    return made, secret_of(made)


def beside(site: LiveSite, secret: str) -> Verifier:
    at = f"http://127.0.0.1:{site.port}/auth"
    return Verifier(
        issuer=ISSUER,
        client_id="orders-api",
        client_secret=secret,
        feed_url=f"{at}/revocations/",
        jwks_url=f"{at}/jwks/",
        start_timeout=30,
    )


def a_token(site: LiveSite) -> dict:
    user, app = UserFactory(), ClientFactory(client_id="app", audiences=[ORDERS])
    form = {"username": user.get_username(), "password": "correct horse battery staple"}
    answer = site.post("/auth/login/", {**form, "client_id": app.client_id, "audience": ORDERS})
    assert answer.status == 200, answer
    return answer.body


def until(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.02)


def test_a_logout_at_the_site_reaches_the_service(server, live_site, with_a_thread):
    tokens, verifier = a_token(live_site), beside(live_site, server[1])
    try:
        until(lambda: isinstance(verifier.verify(tokens["access_token"]), Accepted))

        live_site.post("/auth/token/revoke/", {"token": tokens["refresh_token"], "client_id": "app"})

        until(lambda: why_refused(verifier.verify(tokens["access_token"])) is Cause.ENDED)
        assert verifier.health()["rules"]
    finally:
        verifier.close()


def test_the_thread_alone_learns_of_it(server, live_site, with_a_thread):
    """Nobody asks the service anything in between."""
    tokens, verifier = a_token(live_site), beside(live_site, server[1])
    try:
        until(lambda: isinstance(verifier.verify(tokens["access_token"]), Accepted))
        before = verifier.health()["orders"]

        live_site.post("/auth/token/revoke/", {"token": tokens["refresh_token"], "client_id": "app"})

        until(lambda: verifier.health()["orders"] > before)
    finally:
        verifier.close()


def test_a_site_that_stops_makes_a_strict_service_refuse_and_its_return_ends_that(
    server, tmp_path: Path, with_a_thread
):
    port = spare_port()
    site = LiveSite(port)
    environment = site_environment(tmp_path, port)
    with running(gunicorn(port), environment) as master:
        until(lambda: answers(site))
        tokens, verifier = a_token(site), beside(site, server[1])
        until(lambda: isinstance(verifier.verify(tokens["access_token"]), Accepted))

        os.killpg(master.pid, signal.SIGSTOP)
        until(lambda: why_refused(verifier.verify(tokens["access_token"])) is Cause.STALE_MIRROR)

        os.killpg(master.pid, signal.SIGCONT)
        until(lambda: isinstance(verifier.verify(tokens["access_token"]), Accepted))
        verifier.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_fork_is_survived_on_both_sides(server, live_site, with_a_thread):
    tokens, verifier = a_token(live_site), beside(live_site, server[1])
    token = tokens["access_token"]
    try:
        until(lambda: isinstance(verifier.verify(token), Accepted))
        child = os.fork()
        if child == 0:
            held = False
            try:
                until(lambda: isinstance(verifier.verify(token), Accepted))
                live_site.post("/auth/token/revoke/", {"token": tokens["refresh_token"], "client_id": "app"})
                until(lambda: why_refused(verifier.verify(token)) is Cause.ENDED)
                held = verifier._source._thread is not None
            finally:
                os._exit(0 if held else 1)
        _, status = os.waitpid(child, 0)

        assert os.waitstatus_to_exitcode(status) == 0
        until(lambda: why_refused(verifier.verify(token)) is Cause.ENDED)
        assert claims_of(token).aud == (ORDERS,)
    finally:
        verifier.close()


def answers(site: LiveSite) -> bool:
    try:
        return site.get("/auth/jwks/").status == 200
    except OSError:
        return False
