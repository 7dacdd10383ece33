"""Housekeeping by a real Celery worker on a real broker: killed in the middle, and twice at once."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from tests.redis_servers import cache, redis_running
from tests.sessions import log_in
from tests.worker import BROKERS, wait_until, worker_running
from tokenauth.flows import housekeeping
from tokenauth.flows.housekeeping import JOBS, LeasedByAnother, Ran, jobs
from tokenauth.flows.housekeeping.purge import SLACK
from tokenauth.flows.revoke import revoke
from tokenauth.models import Plane, RevocationOrder, TaskRun, TokenFamily
from tokenauth.models.users import key_of
from tokenauth.revocation.notifiers import names
from tokenauth.revocation.subjects import OfUser

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture(params=list(BROKERS))
def worker(request, tmp_path):
    with worker_running(request.param, tmp_path) as worker:
        yield worker


@pytest.fixture
def expired():
    """A session whose end is long past."""
    session = log_in()
    past = timezone.now() - timedelta(seconds=SLACK + 60)
    TokenFamily.objects.filter(pk=session.family_id).update(
        absolute_expires_at=past, refresh_expires_at=past, access_expires_at=past
    )
    return session


def has_succeeded(name: str) -> bool:
    return TaskRun.objects.filter(name=name, last_ok_at__isnull=False).exists()


def is_leased(name: str) -> bool:
    return TaskRun.objects.filter(name=name, leased_until__isnull=False).exists()


def test_every_job_arrives_and_is_done(worker, expired):
    revoke(OfUser(key_of(expired.user)))
    RevocationOrder.objects.update(number=None, until=None)

    for name in JOBS:
        worker.send(name)

    for name in JOBS:
        wait_until(lambda name=name: has_succeeded(name), name)
    assert not TokenFamily.objects.filter(pk=expired.family_id).exists()
    assert not RevocationOrder.objects.filter(number=None).exists()


@pytest.mark.postgres
def test_one_that_is_killed_in_the_middle_loses_nothing_and_another_begins_again(worker, expired, clock):
    with transaction.atomic():
        lock_families()
        worker.send("purge")
        wait_until(lambda: is_leased("purge"), "the purge begins")
        worker.kill()

    # its server process goes on with the statement until it finds nobody to answer to
    wait_until(nobody_else_is_connected, "the server has noticed")
    assert TokenFamily.objects.filter(pk=expired.family_id).exists()
    assert housekeeping.run("purge", force=True) == LeasedByAnother()
    clock.shift(jobs.LEASE + 60)
    assert housekeeping.run("purge") == Ran(1)


@pytest.mark.postgres
def test_orders_are_propagated_though_the_worker_that_did_is_killed(tmp_path, clock, settings):
    session = log_in()
    assert session.accepts()
    revoke(OfUser(key_of(session.user)))
    RevocationOrder.objects.update(number=None, until=None)
    Plane.objects.update(n=0)
    with redis_running(tmp_path) as news:
        with worker_running("redis", tmp_path, NEWS_URL=news.url) as worker, transaction.atomic():
            lock_orders()
            worker.send("propagate_orders")
            wait_until(lambda: is_leased("propagate_orders"), "the job begins")
            worker.kill()
        wait_until(nobody_else_is_connected, "the server has noticed")
        assert news.client().keys() == []
        settings.CACHES = {**settings.CACHES, "news": cache(news.url)}
        settings.TOKENAUTH = {**settings.TOKENAUTH, "MIRROR": "request", "REDIS_ALIAS": "news"}

        first = housekeeping.run("propagate_orders", force=True)
        clock.shift(jobs.LEASE + 60)
        second = housekeeping.run("propagate_orders")

        assert (first, second) == (LeasedByAnother(), Ran(1))
        assert RevocationOrder.objects.get().number == 1
        assert [id_ for id_, _ in news.client().xrange(names.stream(names.DEFAULT))] == [b"1-0"]


@pytest.mark.postgres
def test_of_two_at_once_one_works(worker, expired):
    with transaction.atomic():
        lock_families()
        worker.send("purge")
        wait_until(lambda: is_leased("purge"), "the purge begins")
        first = TaskRun.objects.get(name="purge").leased_until
        worker.send("purge")
        worker.send("number")
        wait_until(lambda: has_succeeded("number"), "what came after the second")
        assert TaskRun.objects.get(name="purge").leased_until == first
        assert not has_succeeded("purge")

    wait_until(lambda: has_succeeded("purge"), "the first goes on")
    assert not TokenFamily.objects.filter(pk=expired.family_id).exists()


def lock_families() -> None:
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE tokenauth_tokenfamily IN ACCESS EXCLUSIVE MODE")


def lock_orders() -> None:
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE tokenauth_revocationorder IN ACCESS EXCLUSIVE MODE")


def nobody_else_is_connected() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return cursor.fetchone()[0] == 0
