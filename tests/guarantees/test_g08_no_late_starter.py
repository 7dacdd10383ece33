"""Guarantee 8: a login or refresh that began before a revocation never outlives it.

A flow is held before each of its steps in the database, in a thread of its own; the account, client,
device, session or site is revoked by each path there is; the flow goes on. It is refused, or what it got
is dead. On SQLite nothing can come between a flow's BEGIN IMMEDIATE and its COMMIT; those pauses are
counted apart.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.contrib.auth.backends import ModelBackend
from django.db import OperationalError, connection
from django.http import HttpRequest
from django.test import Client as Browser
from django.utils import timezone
from psycopg import IsolationLevel

from tests.conftest import forget_everything
from tests.factories import PASSWORD, ClientFactory, UserFactory
from tests.guarantees.elsewhere import OWN_MIRROR, accepted_elsewhere, kid_of
from tests.guarantees.held import Gate, Held, Step
from tests.guarantees.twin import overtaken_before_the_write
from tests.http import LOGIN, Http
from tests.sessions import BACKEND, answer_of, claims_of, known, log_in
from tokenauth.errors import Cause, Refused
from tokenauth.flows import clients, keep, revoke, revoke_others, seen
from tokenauth.flows.asked import DeviceAsked, LoginAsked
from tokenauth.flows.hand_back import hand_back
from tokenauth.flows.issue import issue
from tokenauth.flows.login import Credentials, login
from tokenauth.flows.outcomes import TokenPair
from tokenauth.flows.rotate import rotate
from tokenauth.flows.seen import Seen, before_authentication
from tokenauth.models import Client
from tokenauth.revocation import orders
from tokenauth.revocation.subjects import (
    Everything,
    EverythingBefore,
    OfClient,
    OfDevice,
    OfFamily,
    OfKey,
    OfUser,
)

pytestmark = [pytest.mark.stepwise, pytest.mark.django_db(transaction=True)]

SLOW = pytest.mark.slow
NEW_PASSWORD = "an even better password"


@pytest.fixture(autouse=True)
def own_mirror(settings):
    settings.TOKENAUTH = {**settings.TOKENAUTH, **OWN_MIRROR}


@pytest.fixture(autouse=True)
def impatient_revocations() -> Iterator[None]:
    """A revocation that a held flow's row lock stops is told so at once, instead of waiting for ever."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '50ms'")
    if connection.vendor == "mysql":
        with connection.cursor() as cursor:
            cursor.execute("SET innodb_lock_wait_timeout = 0")
    yield
    connection.close()


CHECKS: Counter[str] = Counter()


@pytest.fixture(autouse=True)
def counted_checks(monkeypatch) -> None:
    """Count the passwords that are checked, by name, wherever a login does it."""
    check = ModelBackend.authenticate

    def counted(self: ModelBackend, request: Any, username: str, **credentials: Any) -> Any:
        CHECKS[username] += 1
        return check(self, request, username, **credentials)

    monkeypatch.setattr(ModelBackend, "authenticate", counted)


@dataclass
class Tally:
    """How many interleavings were played."""

    played: int = 0
    #: Pauses inside SQLite's write transaction.
    impossible: int = 0
    #: The held flow's row lock made the revocation wait until after it.
    serialised: int = 0

    def __str__(self) -> str:
        return (
            f"{self.played} interleavings, {self.serialised} of them put in order by a row lock; "
            f"{self.impossible} pauses impossible"
        )


@pytest.fixture(scope="module")
def tally(request: pytest.FixtureRequest) -> Iterator[Tally]:
    counted = Tally()
    yield counted
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print(f"\n{connection.vendor}: {counted}")


@dataclass
class World:
    """A user on his phone, in a session of some age, and in another session on his tablet."""

    user: Any = field(default_factory=UserFactory)
    client: Client = field(default_factory=ClientFactory)

    def __post_init__(self) -> None:
        # a login that outlasts its user's row counts on
        self.name = self.user.get_username()
        self.phone = log_in(self.user, self.client, device="phone")
        self.tablet = log_in(self.user, self.client, device="tablet")
        self.key = str(self.user.pk)
        self.login_asked = LoginAsked(client=known(self.client), device=DeviceAsked(id="phone"))
        self.refresh_asked = self.phone.asked()

    @property
    def checks(self) -> int:
        """How often a login asked whether the password is right."""
        return CHECKS[self.name]


# Paths by which something is revoked


def _new_password(world: World) -> None:
    user = get_user_model().objects.get(pk=world.user.pk)
    user.set_password(NEW_PASSWORD)
    user.save()


def _new_password_that_keeps_the_tablet(world: World) -> None:
    user = get_user_model().objects.get(pk=world.user.pk)
    request = SimpleNamespace(auth=claims_of(world.tablet.pair.access_token), user=user)
    with keep(request, user):
        user.set_password(NEW_PASSWORD)
        user.save()


def _deactivation(world: World) -> None:
    user = get_user_model().objects.get(pk=world.user.pk)
    user.is_active = False
    user.save()


def _reactivation(world: World) -> None:
    user = get_user_model().objects.get(pk=world.user.pk)
    user.is_active = True
    user.save()


def _deletion(world: World) -> None:
    get_user_model().objects.get(pk=world.user.pk).delete()


def _creation_under_the_same_key(world: World) -> None:
    UserFactory(pk=world.user.pk, username=world.user.username)


def _nothing(world: World) -> None:
    pass


@dataclass(frozen=True)
class Path:
    """One way to revoke, and what has to be done before the user may log in again."""

    revoke: Callable[[World], Any]
    undo: Callable[[World], Any] = _nothing
    #: It ends what can be refreshed; what was given out lives out its access lifetime (PROTOCOL 2).
    ends_access: bool = True


ANY_FLOW = {
    "the account": Path(lambda w: revoke(OfUser(w.key))),
    "the account by a new password": Path(_new_password),
    "the account by a new password that keeps the tablet": Path(_new_password_that_keeps_the_tablet),
    "the account by deactivation": Path(_deactivation, undo=_reactivation),
    "the account by deletion": Path(_deletion, undo=_creation_under_the_same_key),
    "the account but for the tablet": Path(
        lambda w: revoke_others(user_key=w.key, but_family=w.tablet.family_id)
    ),
    "the client": Path(lambda w: revoke(OfClient(w.client.client_id))),
    "the client, disabled": Path(
        lambda w: revoke(OfClient(w.client.client_id, disable=True)), undo=lambda w: clients.enable(w.client)
    ),
    "the device": Path(lambda w: revoke(OfDevice(w.phone.pair.device_id))),
    "the device, lost": Path(lambda w: revoke(OfDevice(w.phone.pair.device_id, lost=True))),
    "the site": Path(lambda w: revoke(Everything())),
}
A_SESSION = {
    "the session": Path(lambda w: revoke(OfFamily(w.phone.family_id))),
    "the session, handed back": Path(
        lambda w: hand_back(w.phone.pair.refresh_token, client=w.refresh_asked.client)
    ),
    "the site before a moment": Path(
        lambda w: revoke(EverythingBefore(timezone.now() - timedelta(seconds=61))), ends_access=False
    ),
}

#: What is tried quickly; the others meet the same comparisons by another way.
QUICK = {
    "the account",
    "the account by a new password",
    "the account by deactivation",
    "the client, disabled",
    "the device",
    "the device, lost",
    "the site",
    "the session",
    "the site before a moment",
}


def paths(named: dict[str, Path]) -> list[Any]:
    """The parameters of a test that is played along each of these paths."""
    return [pytest.param(path, id=name, marks=() if name in QUICK else SLOW) for name, path in named.items()]


# What is played


@dataclass(frozen=True)
class Played:
    """A flow that was overtaken, and where."""

    world: World
    outcome: Any
    where: str
    #: The password was checked after the revocation: that is a later login, and may live.
    began_later: bool = False


def interleavings(
    arrange: Callable[[], World],
    flow: Callable[[World], Any],
    path: Path,
    tally: Tally,
    *,
    isolation: Any = None,
) -> Iterator[Played]:
    """Play a flow once for each of its steps, overtaken by the revocation there."""
    for number in count(1):
        world, step = arrange(), Step(number)
        with Held(step.before(lambda world=world: flow(world), isolation=isolation), step) as held:
            if held.stands:
                checks = world.checks
                serialised = _is_stopped_by_a_lock(path, world)
            outcome = held.let_go()
        if step.is_impossible:
            tally.impossible += 1
            continue
        if not held.stands:
            assert _pair_of(outcome) is not None, "undisturbed it succeeds"
            return
        if serialised:
            path.revoke(world)
        tally.played += 1
        tally.serialised += serialised
        began_later = not serialised and world.checks > checks
        yield Played(world, outcome, f"held before {step.sql[:90]}", began_later)


def _is_stopped_by_a_lock(path: Path, world: World) -> bool:
    try:
        path.revoke(world)
    except OperationalError as failure:
        if not re.search("lock .*timeout", str(failure), re.IGNORECASE):
            raise
        return True
    return False


def _pair_of(outcome: Any) -> TokenPair | None:
    return None if isinstance(outcome, Refused) else outcome.pair


def _lives(pair: TokenPair, world: World, path: Path) -> bool:
    if path.ends_access and accepted_elsewhere(pair.access_token):
        return True
    return not isinstance(rotate(pair.refresh_token, asked=world.refresh_asked), Refused)


def _may_log_in_again(world: World, path: Path) -> bool:
    path.undo(world)
    user = get_user_model().objects.get(pk=world.user.pk)
    again = log_in(user, world.client, device="phone")
    return accepted_elsewhere(again.pair.access_token) and accepted_elsewhere(again.refresh().access_token)


def _is_dead_and_may_log_in_again(played: Played, path: Path) -> bool:
    pair = _pair_of(played.outcome)
    return (
        (pair is None or played.began_later or not _lives(pair, played.world, path))
        and not _lives(played.world.phone.pair, played.world, path)
        and _may_log_in_again(played.world, path)
    )


# A refresh


def _early(clock: Any) -> World:
    world = World()
    clock.shift(120)
    return world


def _near_expiry(clock: Any) -> World:
    world = World()
    clock.shift(290)
    return world


def _inside_the_window(clock: Any) -> World:
    world = _near_expiry(clock)
    world.phone.refresh_and_lose_the_answer()
    return world


def _after_the_window(clock: Any) -> World:
    world = _inside_the_window(clock)
    clock.shift(11)
    return world


def refresh(world: World) -> Any:
    return rotate(world.phone.pair.refresh_token, asked=world.refresh_asked)


REFRESHES = [
    pytest.param(_early, id="line 1, early"),
    pytest.param(_near_expiry, id="line 1, near expiry", marks=SLOW),
    pytest.param(_inside_the_window, id="line 4", marks=SLOW),
    pytest.param(_after_the_window, id="line 5", marks=SLOW),
]


@pytest.mark.parametrize("arrange", REFRESHES)
@pytest.mark.parametrize("path", paths(ANY_FLOW | A_SESSION))
def test_a_refresh_that_began_before_a_revocation_does_not_outlive_it(path, arrange, clock, tally):
    for played in interleavings(lambda: arrange(clock), refresh, path, tally):
        assert _is_dead_and_may_log_in_again(played, path), played.where


@pytest.mark.slow
@pytest.mark.parametrize("path", paths(ANY_FLOW | A_SESSION))
def test_a_refresh_in_its_slow_branch_does_not_outlive_a_revocation(path, clock, tally):
    """Its own retry was faster, so it locks the family and decides again."""

    def refresh_overtaken_by_its_retry(world: World) -> Any:
        with overtaken_before_the_write(lambda: refresh(world)):
            return refresh(world)

    for played in interleavings(lambda: _near_expiry(clock), refresh_overtaken_by_its_retry, path, tally):
        assert _is_dead_and_may_log_in_again(played, path), played.where


# A login


def log_in_once(world: World) -> Any:
    """One pass of a login: what it reads first, the password, the family."""
    return _issued_after(
        before_authentication(client_pk=world.client.pk, username=world.name, device_id="phone"), world
    )


def log_in_by_another_name(world: World) -> Any:
    """The same by a backend that finds its user otherwise: nobody knows before whose epoch to read."""
    return _issued_after(before_authentication(client_pk=world.client.pk, device_id="phone"), world)


def _issued_after(first: Seen, world: World) -> Any:
    user = authenticate(None, username=world.name, password=PASSWORD)
    if user is None:
        return Refused(Cause.CREDENTIALS)
    return issue(user, asked=world.login_asked, backend=BACKEND, seen=first)


@pytest.mark.parametrize("path", paths(ANY_FLOW))
def test_a_login_that_began_before_a_revocation_does_not_outlive_it(path, tally):
    for played in interleavings(World, log_in_once, path, tally):
        assert _is_dead_and_may_log_in_again(played, path), played.where


#: PROTOCOL 2 names the one case: a revocation of the user that touches no column of his.
UNSEEN = {"the account", "the account but for the tablet"}


@pytest.mark.parametrize("path", paths({name: ANY_FLOW[name] for name in ANY_FLOW if name not in UNSEEN}))
def test_a_login_by_another_name_does_not_outlive_a_change_of_its_user_or_what_is_above_him(path, tally):
    for played in interleavings(World, log_in_by_another_name, path, tally):
        assert _is_dead_and_may_log_in_again(played, path), played.where


def test_a_login_does_not_outlive_its_device_however_many_others_call_theirs_the_same(tally, monkeypatch):
    monkeypatch.setattr(seen, "MOST_DEVICES", 1)

    def among_namesakes() -> World:
        world = World()
        log_in(UserFactory(), world.client, device="phone")
        return world

    for played in interleavings(among_namesakes, log_in_once, ANY_FLOW["the device"], tally):
        assert _is_dead_and_may_log_in_again(played, ANY_FLOW["the device"]), played.where


@pytest.mark.slow
@pytest.mark.parametrize("path", paths(ANY_FLOW))
def test_a_login_that_is_overtaken_checks_the_password_once_more_or_ends(path, tally):
    """Overtaken, the flow authenticates and issues once more (PROTOCOL 2): that is a later login."""

    def log_in_by_the_flow(world: World) -> Any:
        credentials = Credentials.sent(world.name, PASSWORD)
        return login(credentials, asked=world.login_asked, request=HttpRequest())

    for played in interleavings(World, log_in_by_the_flow, path, tally):
        assert _is_dead_and_may_log_in_again(played, path), played.where


@pytest.mark.over_http
@pytest.mark.parametrize("change", [_new_password, _deactivation, _deletion])
def test_a_login_whose_user_changes_after_the_password_was_checked_answers_as_for_a_wrong_one(
    change, monkeypatch, tally
):
    """Field case F15"""
    world, gate = World(), Gate()
    http = Http(Browser(raise_request_exception=False))
    body = {"client_id": world.client.client_id, "username": world.name}
    wrong = http.post(LOGIN, {**body, "password": "wrong"})

    check = ModelBackend.authenticate

    def held_afterwards(*args: Any, **credentials: Any) -> Any:
        user = check(*args, **credentials)
        if not gate.reached.is_set():
            gate.stand()
        return user

    monkeypatch.setattr(ModelBackend, "authenticate", held_afterwards)
    with Held(lambda: http.post(LOGIN, {**body, "password": PASSWORD}), gate) as held:
        assert held.stands
        change(world)
        answer = held.let_go()
    tally.played += 1

    assert (answer.status_code, answer.json()) == (wrong.status_code, wrong.json()) == (400, answer.json())


# A key


@pytest.mark.parametrize("flow", [refresh, log_in_once])
def test_nothing_that_a_killed_key_signed_is_accepted_of_a_flow_that_the_kill_overtook(flow, clock, tally):
    path = Path(lambda w: revoke(OfKey(kid_of(w.phone.pair.access_token))))
    for played in interleavings(lambda: _near_expiry(clock), flow, path, tally):
        pair = _pair_of(played.outcome)
        killed = kid_of(played.world.phone.pair.access_token)
        assert (
            pair is None or killed != kid_of(pair.access_token) or not accepted_elsewhere(pair.access_token)
        )
        assert not accepted_elsewhere(played.world.phone.pair.access_token), played.where


@pytest.mark.parametrize("flow", [refresh, log_in_once])
def test_no_refresh_token_of_a_killed_key_is_taken_from_a_flow_that_the_kill_overtook(flow, clock, tally):
    path = Path(lambda w: revoke(OfKey(kid_of(w.phone.pair.refresh_token))))
    for played in interleavings(lambda: _near_expiry(clock), flow, path, tally):
        pair = _pair_of(played.outcome)
        killed = kid_of(played.world.phone.pair.refresh_token)
        forget_everything()  # the next process learns of the kill within the staleness bound
        assert isinstance(refresh(played.world), Refused), played.where
        if pair is not None and kid_of(pair.refresh_token) == killed:
            again = rotate(pair.refresh_token, asked=played.world.refresh_asked)
            assert isinstance(again, Refused), played.where


# The session that was to be kept


def test_a_refresh_that_revoke_others_overtakes_goes_on_in_the_kept_session(clock, tally):
    keeps_the_phone = Path(lambda w: revoke_others(user_key=w.key, but_family=w.phone.family_id))
    for played in interleavings(lambda: _near_expiry(clock), refresh, keeps_the_phone, tally):
        pair = answer_of(played.outcome)
        kept = answer_of(rotate(pair.refresh_token, asked=played.world.refresh_asked))
        assert accepted_elsewhere(kept.access_token), played.where


# The other way round


def _held_revocations(path: Path, flow: Callable[[World], Any], clock: Any, tally: Tally) -> Iterator[Played]:
    for number in count(1):
        world, step = _near_expiry(clock), Step(number)
        with Held(step.before(lambda world=world: path.revoke(world)), step) as held:
            outcome = flow(world) if held.stands else None
            held.let_go()
        if step.is_impossible:
            tally.impossible += 1
            continue
        if not held.stands:
            return
        tally.played += 1
        yield Played(world, outcome, f"revocation held before {step.sql[:90]}")


@pytest.mark.slow
@pytest.mark.parametrize("flow", [refresh, log_in_once])
@pytest.mark.parametrize("path", paths(ANY_FLOW))
def test_a_flow_that_runs_whole_within_a_revocation_does_not_outlive_it(
    path, flow, clock, tally, monkeypatch
):
    monkeypatch.setattr(orders, "_number_now", lambda: None)  # a later login might fall into it
    for played in _held_revocations(path, flow, clock, tally):
        assert _is_dead_and_may_log_in_again(played, path), played.where


# Another isolation level


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.parametrize("flow", [refresh, log_in_once])
@pytest.mark.parametrize("path", paths(ANY_FLOW))
def test_no_flow_outlives_a_revocation_at_repeatable_read(path, flow, clock, tally):
    arrange, level = lambda: _near_expiry(clock), IsolationLevel.REPEATABLE_READ
    for played in interleavings(arrange, flow, path, tally, isolation=level):
        assert _is_dead_and_may_log_in_again(played, path), played.where
