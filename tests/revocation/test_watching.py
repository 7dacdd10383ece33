"""Who keeps a connection open hears that its token ended: by callback, and on an event loop."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator

import pytest
from django.db import connections

from tests.other_process import revoke_elsewhere
from tests.sessions import Session, claims_of, log_in
from tokenauth.errors import Cause
from tokenauth.flows import revoke
from tokenauth.models import users
from tokenauth.revocation import watching as module
from tokenauth.revocation.mirror import Kind, Order
from tokenauth.revocation.process import MIRROR, MIRRORS
from tokenauth.revocation.subjects import Everything, OfFamily, OfToken, OfUser
from tokenauth.revocation.watching import WATCHES, Watch, watch, watching

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def no_clock_of_its_own(monkeypatch) -> Iterator[None]:
    """The tests look at the clock themselves, but for those that are about who does."""
    monkeypatch.setattr(WATCHES, "keep_looking", lambda: None)
    yield
    WATCHES.start_anew()


@pytest.fixture
def session(polling, boot_clock) -> Session:
    opened = log_in()
    assert opened.accepts()
    return opened


def watched(session: Session) -> tuple[Watch, list[Cause]]:
    heard: list[Cause] = []
    return watch(claims_of(session.pair.access_token), heard.append), heard


@pytest.mark.parametrize(
    ("subject", "cause"),
    [
        (lambda s: OfFamily(s.family_id), Cause.ENDED),
        (lambda s: OfUser(users.key_of(s.user)), Cause.ACCOUNT_CHANGED),
        (lambda s: OfToken(claims_of(s.pair.access_token).jti), Cause.REVOKED),
        (lambda s: Everything(), Cause.REVOKED),
    ],
    ids=["family", "account", "token", "everything"],
)
def test_a_revocation_is_told_once_with_its_cause(session, subject, cause):
    open_one, heard = watched(session)

    revoke(subject(session))
    revoke(subject(session))

    assert heard == [cause]
    assert open_one.ended is cause
    assert len(WATCHES) == 0


def test_a_revocation_of_another_process_is_told_by_the_next_poll(session, boot_clock):
    _, heard = watched(session)
    revoke_elsewhere(OfFamily(session.family_id))
    before = list(heard)

    boot_clock(0.6)
    WATCHES.ask()

    assert before == []
    assert heard == [Cause.ENDED]


def test_another_session_stays_open(session):
    _, heard = watched(session)

    revoke(OfFamily(log_in().family_id))

    assert heard == []


def test_a_rotation_ends_nothing(settings, session, boot_clock):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "POLICIES": {"browser": {"supersede": "always"}}}
    session = log_in()
    _, heard = watched(session)
    old = session.pair.access_token

    session.refresh()
    boot_clock(0.6)

    assert not session.accepts(old)
    assert heard == []


def test_a_token_that_is_superseded_already_may_open_nothing_but_ends_nothing_either(settings, session):
    _, heard = watched(session)
    WATCHES.heard([Order(1, 1, Kind.GENERATION, str(session.family_id), 9, time.time() + 99)])

    assert heard == []


def test_expiry_ends_it(clock, polling):
    session = log_in()
    _, heard = watched(session)

    clock.shift(300)
    WATCHES.look()
    within_the_leeway = list(heard)
    clock.shift(11)
    WATCHES.look()

    assert within_the_leeway == []
    assert heard == [Cause.EXPIRED]


def test_a_mirror_that_cannot_tell_ends_it(session, boot_clock, silent_database):
    _, heard = watched(session)
    silent_database()

    boot_clock(0.7)
    WATCHES.look()
    inside = list(heard)
    boot_clock(0.2)
    WATCHES.look()

    assert inside == []
    assert heard == [Cause.STALE_MIRROR]


def test_an_available_one_goes_on_as_long_as_it_says(session, boot_clock, polling):
    polling.TOKENAUTH = {**polling.TOKENAUTH, "MODE": "available", "AVAILABLE_SECONDS": 30}
    _, heard = watched(session)

    boot_clock(30)
    WATCHES.look()
    inside = list(heard)
    boot_clock(1)
    WATCHES.look()

    assert inside == []
    assert heard == [Cause.STALE_MIRROR]


def test_one_that_comes_too_late_ends_at_once(session):
    revoke(OfFamily(session.family_id))

    open_one, heard = watched(session)

    assert heard == [Cause.ENDED]
    assert open_one.ended is Cause.ENDED


def test_one_that_was_stopped_hears_nothing_and_leaves_nothing_behind(session):
    open_one, heard = watched(session)

    open_one.stop()
    open_one.stop()
    revoke(OfFamily(session.family_id))

    assert heard == []
    assert not WATCHES._by_subject


def test_one_that_fails_keeps_no_other_open(session):
    def fail(cause):
        raise RuntimeError

    watch(claims_of(session.pair.access_token), fail)
    _, heard = watched(session)

    revoke(OfFamily(session.family_id))

    assert heard == [Cause.ENDED]


def test_an_order_is_judged_for_those_alone_whom_it_can_concern(session, monkeypatch):
    for _ in range(5):
        watched(log_in())
    watched(session)
    judged = []
    real = module.Floors.why_refused
    monkeypatch.setattr(
        module.Floors, "why_refused", lambda floors, claims: judged.append(1) or real(floors, claims)
    )

    revoke(OfFamily(session.family_id))

    assert len(judged) == 1


def test_a_tenant_hears_of_its_own_orders_alone(session, settings):
    tenant = ["one"]
    settings.TOKENAUTH = {**settings.TOKENAUTH, "NAMESPACE": lambda: tenant[0]}
    _, heard = watched(session)
    order = Order(1, None, Kind.FAMILY, str(session.family_id), 0, time.time() + 99)

    tenant[0] = "another"
    MIRROR._tell([order])
    of_another = list(heard)
    tenant[0] = "one"
    MIRROR._tell([order])

    assert of_another == []
    assert heard == [Cause.ENDED]


@pytest.mark.parametrize("mirror", ["auto", "request"])
def test_a_process_without_traffic_hears_of_it_all_the_same(settings, monkeypatch, mirror):
    monkeypatch.undo()
    settings.TOKENAUTH = {**settings.TOKENAUTH, "MIRROR": mirror, "STALENESS_BOUND": 0.4}
    MIRROR.forget()
    monkeypatch.setattr(MIRRORS.here(), "_companions", [])  # whose connections outlive the test
    session, ended = log_in(), threading.Event()
    watch(claims_of(session.pair.access_token), lambda cause: ended.set())

    revoke_elsewhere(OfFamily(session.family_id))

    assert ended.wait(20)
    while WATCHES._thread is not None:  # it ends by itself; a poll of its would open a connection anew
        time.sleep(0.02)
    MIRROR.forget()


class TestOnAnEventLoop:
    @pytest.fixture
    def session(self, settings) -> Iterator[Session]:
        settings.TOKENAUTH = {**settings.TOKENAUTH, "MIRROR": "request", "STALENESS_BOUND": 0.4}
        MIRROR.forget()
        yield log_in()
        MIRROR.forget()

    def test_waiting_ends_with_the_cause(self, session):
        async def wait() -> Cause:
            async with watching(claims_of_session) as alive:
                threading.Thread(target=revoke_in_a_thread, args=(session,)).start()
                return await asyncio.wait_for(alive.ended(), 20)

        claims_of_session = claims_of(session.pair.access_token)

        assert asyncio.run(wait()) is Cause.ENDED
        assert len(WATCHES) == 0

    def test_what_is_handed_on_stops_though_nothing_more_comes(self, session):
        async def one_and_then_silence() -> AsyncIterator[int]:
            yield 1
            await asyncio.sleep(3600)
            yield 2

        async def read() -> tuple[list[int], Cause | None]:
            got = []
            async with watching(claims_of_session) as alive:
                threading.Thread(target=revoke_in_a_thread, args=(session,)).start()
                async with asyncio.timeout(20):
                    async for item in alive.during(one_and_then_silence()):
                        got.append(item)
                return got, alive.cause

        claims_of_session = claims_of(session.pair.access_token)

        assert asyncio.run(read()) == ([1], Cause.ENDED)

    def test_what_is_handed_on_ends_with_its_source(self, session):
        async def three() -> AsyncIterator[int]:
            for number in range(3):
                yield number

        async def read() -> tuple[list[int], Cause | None]:
            async with watching(claims_of_session) as alive:
                return [item async for item in alive.during(three())], alive.cause

        claims_of_session = claims_of(session.pair.access_token)

        assert asyncio.run(read()) == ([0, 1, 2], None)
        assert len(WATCHES) == 0

    def test_thousands_share_one_task_and_no_thread(self, session):
        async def open_many() -> tuple[int, int]:
            before = threading.active_count()
            async with asyncio.TaskGroup() as group:
                for _ in range(500):
                    group.create_task(stay_open())
                async with asyncio.timeout(60):
                    while len(WATCHES) < 500 or not inside:
                        await asyncio.sleep(0.05)
                opened.set()
                looking = [task for task in asyncio.all_tasks() if task.get_name() == "tokenauth-watches"]
                return len(looking), threading.active_count() - before

        async def stay_open() -> None:
            async with watching(claims_of_session):
                inside.append(1)
                await opened.wait()

        inside: list[int] = []
        opened, claims_of_session = asyncio.Event(), claims_of(session.pair.access_token)
        tasks, threads = asyncio.run(open_many())

        assert tasks == 1
        assert threads < 60  # those of asyncio's own pool


def revoke_in_a_thread(session: Session) -> None:

    try:
        revoke_elsewhere(OfFamily(session.family_id))
    finally:
        connections.close_all()
