"""F13: another app's on_commit hook raises, or the writer dies right after COMMIT; Redis is well."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from tests.factories import ClientFactory, UserFactory
from tests.live import LiveSite, site_environment, site_running
from tests.redis_servers import Server, cache, redis_running, wait_for
from tokenauth.flows import revoke
from tokenauth.models import Plane, RevocationOrder
from tokenauth.models.users import key_of
from tokenauth.revocation.notifiers import names
from tokenauth.revocation.notifiers.alias import CLIENTS
from tokenauth.revocation.process import MIRROR
from tokenauth.revocation.subjects import OfUser

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

BOUND = 1.0
STREAM = names.stream(names.DEFAULT)

WRITER = """
import os, signal, sys, django
django.setup()
from tokenauth.flows import revoke
from tokenauth.revocation import orders
from tokenauth.revocation.subjects import OfUser

def dies(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

module, _, name = sys.argv[1].rpartition(".")
setattr(getattr(orders, module), name, dies)
revoke(OfUser(sys.argv[2]))
"""


@dataclass
class World:
    """A live site whose news travel by Redis, and a user who is logged in there."""

    folder: Path
    site: LiveSite
    news: Server
    user: Any
    bearer: str

    def accepts(self) -> dict[int, bool]:
        """Whether each of the processes takes the token now; one that cannot tell takes none."""
        with self.site.line_to_each_process() as lines:
            return {
                process: line.get("/api/me/", bearer=self.bearer).status == 200
                for process, line in lines.items()
            }

    def accepts_after_the_bound(self) -> dict[int, bool]:
        """The same by requests that begin later than the bound after now."""
        time.sleep(BOUND)
        return self.accepts()


@pytest.fixture
def world(transactional_db: None, tmp_path: Path, settings: Any) -> Iterator[World]:
    user, client = UserFactory(), ClientFactory()
    with redis_running(tmp_path) as news, site_running(tmp_path, NEWS_URL=news.url) as site:
        settings.CACHES = {**settings.CACHES, "news": cache(news.url)}
        settings.TOKENAUTH = {**settings.TOKENAUTH, "MIRROR": "request", "REDIS_ALIAS": "news"}
        MIRROR.forget()
        bearer = site.log_in(user, client)["access_token"]
        world = World(tmp_path, site, news, user, bearer)
        assert all(world.accepts().values())
        yield world
    CLIENTS.forget()


def raises() -> None:
    raise RuntimeError("another app's")


@transaction.atomic
def revoke_beside_another_app(user: Any) -> None:
    transaction.on_commit(raises)
    revoke(OfUser(key_of(user)))


def test_a_hook_that_raises_before_ours_delays_the_refusal_no_longer_than_the_bound(world):
    with pytest.raises(RuntimeError, match="another app's"):
        revoke_beside_another_app(world.user)

    assert not any(world.accepts_after_the_bound().values())
    assert RevocationOrder.objects.get().number == 1
    wait_for(lambda: world.news.client().xlen(STREAM) == 1, "whoever numbered it tells of it")


@pytest.mark.parametrize("when", ["numbering.number_visible", "publishing.publish"])
def test_a_writer_that_is_killed_after_commit_delays_it_no_longer(world, when):
    command = [sys.executable, "-c", WRITER, when, key_of(world.user)]
    environment = {**site_environment(world.folder, 0), "NEWS_URL": world.news.url}

    died = subprocess.run(command, env=environment, timeout=60, check=False)

    assert died.returncode == -signal.SIGKILL
    assert not any(world.accepts_after_the_bound().values())
    assert RevocationOrder.objects.get().number == Plane.objects.get().n == 1
    assert not world.news.client().exists(STREAM) or world.news.client().xlen(STREAM) == 1


def test_a_lively_redis_makes_nobody_fresh(world):
    """The writer told nobody, and Redis answers every question with nothing new."""
    with transaction.atomic():
        revoke(OfUser(key_of(world.user)))
        transaction.get_connection().run_on_commit = []

    assert world.news.client().ping()
    assert not any(world.accepts_after_the_bound().values())
