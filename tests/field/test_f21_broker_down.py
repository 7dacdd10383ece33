"""F21: the broker is down and nobody waits: nothing on a request's path speaks to it."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.factories import ClientFactory, UserFactory
from tests.live import LiveSite, site_running, spare_port
from tokenauth.flows.housekeeping import JOBS
from tokenauth.models import RevocationOrder

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@contextmanager
def silent() -> Iterator[tuple[int, list[object]]]:
    """A broker that accepts and never says a word; and who came."""
    came: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    came.append(server.accept())
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1], came
        server.shutdown(socket.SHUT_RDWR)


@contextmanager
def refusing() -> Iterator[tuple[int, list[object]]]:
    yield spare_port(), []


@pytest.fixture(params=[silent, refusing], ids=["silent", "refusing"])
def broker(request) -> Iterator[tuple[int, list[object]]]:
    with request.param() as found:
        yield found


@pytest.mark.parametrize("scheme", ["amqp", "redis"])
def test_users_log_in_and_out_as_ever_and_nothing_is_lost(broker, scheme, tmp_path):
    port, came = broker
    user, client = UserFactory(is_superuser=True, is_staff=True), ClientFactory()

    with site_running(tmp_path, CELERY_BROKER_URL=f"{scheme}://guest:guest@127.0.0.1:{port}/0") as site:
        first = site.log_in(user, client)
        second = site.refresh(first["refresh_token"], client)
        assert second.status == 200
        assert overdue(site, second.body["access_token"]) == list(JOBS)
        form = {"token": second.body["refresh_token"], "client_id": client.client_id}
        assert site.post("/auth/token/revoke/", form).status == 200
        other = site.log_in(user, client)
        user.set_password("another one")
        user.save()
        assert site.refresh(other["refresh_token"], client).status == 400

    assert came == []
    assert RevocationOrder.objects.filter(number=None).count() == 0


def overdue(site: LiveSite, bearer: str) -> list[str]:
    answer = site.get("/auth/health/", bearer=bearer)
    assert answer.status == 200
    return answer.body["overdue"]
