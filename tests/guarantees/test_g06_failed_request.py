"""Guarantee 6: a failed request consumes nothing.

Each flow meets a fault before and after each of its statements, a COMMIT counting as one. Whatever it
answered, the same request then succeeds, and what one commit holds is there as a whole or not at all.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.cache import caches
from django.db import Error, InterfaceError, OperationalError, connection
from django.http import HttpRequest
from django.test import Client as Browser
from django.utils import timezone

from tests.conftest import forget_everything
from tests.factories import PASSWORD, ClientFactory, UserFactory, secret_of
from tests.guarantees.elsewhere import OWN_MIRROR, accepted_elsewhere, kid_of
from tests.guarantees.faults import Attempt, Fault, When, attempts
from tests.guarantees.statements import steps_of
from tests.guarantees.twin import overtaken_before_the_write
from tests.http import LOGIN, REFRESH, REVOKE, TOKEN, Http
from tests.sessions import Session, answer_of, claims_of, known, log_in
from tokenauth.errors import Cause, Refused
from tokenauth.flows import clients, keep, revoke, revoke_others, sessions
from tokenauth.flows.asked import Asked, DeviceAsked, LoginAsked, Origin
from tokenauth.flows.challenge import Challenge, Challenged
from tokenauth.flows.hand_back import NothingToRevoke, hand_back
from tokenauth.flows.login import Credentials, SecondStep, continue_login, login
from tokenauth.flows.outcomes import Issued, Revoked
from tokenauth.flows.rotate import rotate
from tokenauth.flows.sessions import Ended, Owner
from tokenauth.models import Client, Device, RevocationOrder, TokenEvent, TokenFamily
from tokenauth.models.account import AccountState, Site
from tokenauth.models.client import ClientSecret
from tokenauth.models.event import EventKind
from tokenauth.models.key import KeyRecord
from tokenauth.models.order import OrderKind
from tokenauth.policy import builtin
from tokenauth.policy.clients import Authenticated, authenticated
from tokenauth.revocation.subjects import (
    Everything,
    EverythingBefore,
    OfClient,
    OfDevice,
    OfFamily,
    OfKey,
    OfToken,
    OfUser,
    Subject,
)

pytestmark = [pytest.mark.stepwise, pytest.mark.django_db(transaction=True)]

SLOW = pytest.mark.slow
WHEN = [When.BEFORE, When.CUT_AFTER, pytest.param(When.AFTER, marks=SLOW)]
PROCESSES = ["a warm process", pytest.param("a process that has just started", marks=SLOW)]

KEY = "an-idempotency-key-of-the-client"


@pytest.fixture(autouse=True)
def own_mirror(settings):
    settings.TOKENAUTH = {**settings.TOKENAUTH, **OWN_MIRROR}


@pytest.fixture(scope="module")
def faults(request: pytest.FixtureRequest) -> Iterator[list[Fault]]:
    """The faults that the tests of this run met; their number is printed."""
    met: list[Fault] = []
    yield met
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print(f"\n{connection.vendor}: {len(met)} faults")


# A refresh


@dataclass(frozen=True)
class Shown:
    """A refresh token that its owner is about to show."""

    session: Session
    token: str
    asked: Asked

    @classmethod
    def newest(cls, session: Session, **asked: Any) -> "Shown":
        return cls(session, session.pair.refresh_token, session.asked(**asked))

    def show(self) -> Any:
        return rotate(self.token, asked=self.asked)


@dataclass(frozen=True)
class Line:
    """One line of the rotation table: how a family gets there, and where its request leaves it."""

    arrange: Callable[[Any], Shown]
    #: Generation and branches once the request was answered.
    position: tuple[int, int]


def _early(clock: Any) -> Shown:
    return Shown.newest(log_in())


def _near_expiry(clock: Any) -> Shown:
    session = log_in()
    clock.shift(290)
    return Shown.newest(session)


def _with_a_key(clock: Any) -> Shown:
    return Shown.newest(log_in(client=ClientFactory(exact=True)), key=KEY)


def _with_the_same_key_again(clock: Any) -> Shown:
    session = log_in(client=ClientFactory(exact=True))
    session.refresh_and_lose_the_answer(key=KEY)
    return Shown.newest(session, key=KEY)


def _inside_the_window(clock: Any) -> Shown:
    session = log_in()
    session.refresh_and_lose_the_answer()
    return Shown.newest(session)


def _after_the_window(clock: Any) -> Shown:
    shown = _inside_the_window(clock)
    clock.shift(11)
    return shown


def _newer_than_the_database(clock: Any) -> Shown:
    session = log_in()
    session.refresh()
    row = TokenFamily.objects.filter(pk=session.family_id)
    as_it_was = row.values("generation", "branches", "won", "rotated_at", "refresh_kid").get()
    session.refresh()
    row.update(**as_it_was)
    TokenEvent.objects.of_family(session.family_id).filter(generation=2).delete()
    return Shown.newest(session)


LINES = {
    "line 1, early": Line(_early, (1, 1)),
    "line 1, near expiry": Line(_near_expiry, (1, 1)),
    "line 1, with a key": Line(_with_a_key, (1, 1)),
    "line 2": Line(_with_the_same_key_again, (1, 1)),
    "line 4": Line(_inside_the_window, (1, 1)),
    "line 5": Line(_after_the_window, (1, 2)),
    "line 7": Line(_newer_than_the_database, (3, 1)),
}


@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_the_owner_gets_his_pair_when_a_failed_refresh_is_sent_again(line, when, clock, faults):
    for met in attempts(lambda: line.arrange(clock), Shown.show, when=(when,)):
        faults.append(met.fault)
        session = met.world.session

        again = answer_of(met.world.show())

        assert _is_pair_or_busy(met.outcome, again), met.fault
        assert (session.family.generation, session.family.branches) == line.position, met.fault
        assert _trail_is_whole(session), met.fault
        assert _goes_on_without_theft(session, again, met.world.asked), met.fault


@pytest.mark.parametrize("when", WHEN)
def test_a_refresh_overtaken_by_its_own_retry_fails_without_harm_at_every_step(when, clock, faults):
    """The slow branch: the family moves between the two statements."""

    def overtaken(shown: Shown) -> Any:
        with overtaken_before_the_write(shown.show):
            return shown.show()

    for met in attempts(lambda: _early(clock), overtaken, when=(when,)):
        faults.append(met.fault)
        session = met.world.session

        again = answer_of(met.world.show())

        assert _is_pair_or_busy(met.outcome, again), met.fault
        assert (session.family.generation, session.family.branches) == (1, 1), met.fault
        assert _goes_on_without_theft(session, again, met.world.asked), met.fault


@pytest.mark.postgres
@pytest.mark.direct
@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_a_refresh_is_two_statements_once_they_are_planned(line, clock):
    """PROTOCOL 1, "The statements"; what the refresh supersedes is numbered by whoever polls next."""
    line.arrange(clock).show()
    shown = line.arrange(clock)

    steps = steps_of(shown.show)

    assert len(steps) <= 2
    assert all(step.startswith("EXECUTE tokenauth_") for step in steps)


def _is_pair_or_busy(outcome: Any, again: Any) -> bool:
    """503 says that the same request may be sent again; an answer is the one that a retry gets too."""
    if isinstance(outcome, Refused):
        return outcome.cause is Cause.BUSY and outcome.retry_after is not None
    return answer_of(outcome).refresh_token == again.refresh_token


def _trail_is_whole(session: Session) -> bool:
    """Exactly one event for each generation and branch, the newest one the row's own (PROTOCOL 6)."""
    kinds = [EventKind.ISSUED, EventKind.ROTATED, EventKind.LATE_REPEAT, EventKind.DATABASE_BEHIND]
    events = TokenEvent.objects.of_family(session.family_id).filter(kind__in=kinds)
    written = list(events.values_list("generation", "branch"))
    family = session.family
    return len(written) == len(set(written)) and max(written) == (family.generation, family.branches - 1)


def _goes_on_without_theft(session: Session, pair: Any, asked: Asked) -> bool:
    session.pair = pair
    session.refresh(key=asked.key and f"{asked.key}-the-next")
    called_theft = TokenEvent.objects.of_family(session.family_id).filter(kind=EventKind.REUSE)
    return session.accepts() and not called_theft.exists()


# A refresh that ends its family


def _lost_branch(clock: Any) -> Shown:
    session = log_in()
    delivered = session.refresh_and_lose_the_answer()
    clock.shift(300)
    session.refresh()
    session.refresh()
    return Shown(session, delivered.refresh_token, session.asked())


def _another_attempt_at_an_exact_family(clock: Any) -> Shown:
    session = log_in(client=ClientFactory(exact=True))
    first = session.pair
    session.refresh(key=KEY)
    return Shown(session, first.refresh_token, session.asked(key="a-key-that-the-thief-made-up"))


def _another_device(clock: Any) -> Shown:
    return Shown.newest(log_in(device="phone"), device_id="not-the-phone")


def _user_who_is_gone(clock: Any) -> Shown:
    session = log_in()
    users = get_user_model()._base_manager.filter(pk=session.user.pk)
    users._raw_delete("default")  # past every signal
    return Shown.newest(session)


DEADLY = {
    "line 6": (_lost_branch, Cause.REUSE),
    "line 3": (_another_attempt_at_an_exact_family, Cause.REUSE),
    "another device": (_another_device, Cause.BINDING),
    "account gone": (_user_who_is_gone, Cause.ACCOUNT_GONE),
}


@pytest.mark.parametrize(("arrange", "cause"), DEADLY.values(), ids=DEADLY)
def test_a_family_that_a_failed_refresh_should_have_ended_ends_when_it_is_sent_again(
    arrange, cause, clock, faults
):
    for met in attempts(lambda: arrange(clock), Shown.show):
        faults.append(met.fault)
        session = met.world.session
        assert isinstance(met.outcome, Refused), met.fault
        assert met.outcome.cause in {cause, Cause.BUSY}, met.fault
        assert _end_is_whole_or_absent(session, cause), met.fault

        again = met.world.show()

        assert again == Refused(cause, session.family_id), met.fault
        assert _end_is_whole_or_absent(session, cause), met.fault
        assert not accepted_elsewhere(session.pair.access_token), met.fault
        assert isinstance(session.show(session.pair.refresh_token), Refused), met.fault


def _end_is_whole_or_absent(session: Session, cause: Cause) -> bool:
    ended = int(session.family.revoked_at is not None)
    orders = RevocationOrder.objects.filter(kind=OrderKind.FAMILY, key=str(session.family_id))
    events = TokenEvent.objects.of_family(session.family_id).filter(cause=cause)
    return orders.count() == events.count() == ended


# A login


@dataclass(frozen=True)
class Arrival:
    """A user who is about to log in on his phone, where a session of his may be alive."""

    user: Any
    client: Client
    asked: LoginAsked

    @classmethod
    def of(cls, user: Any, client: Client) -> "Arrival":
        device = DeviceAsked(id="phone")
        return cls(user, client, LoginAsked(client=known(client), device=device))

    def log_in(self) -> Any:
        credentials = Credentials.sent(self.user.get_username(), PASSWORD)
        return login(credentials, asked=self.asked, request=HttpRequest())

    def live_families(self) -> int:
        return self._families().filter(revoked_at=None).count()

    def is_whole(self) -> bool:
        """Each session that was begun or ended has its event."""
        events = TokenEvent.objects.filter(user_key=str(self.user.pk))
        begun, ended = events.filter(kind=EventKind.ISSUED), events.filter(kind=EventKind.ENDED)
        families = self._families()
        return (begun.count(), ended.count()) == (families.count(), families.exclude(revoked_at=None).count())

    def _families(self) -> Any:
        return TokenFamily.objects.filter(user_key=str(self.user.pk))


def _first_login() -> Arrival:
    return Arrival.of(UserFactory(), ClientFactory())


def _login_that_replaces() -> Arrival:
    session = log_in(device="phone")
    return Arrival.of(session.user, session.client)


def _login_beyond_the_cap() -> Arrival:
    session = log_in(device="phone")
    log_in(session.user, session.client, device="tablet")
    return Arrival.of(session.user, session.client)


@pytest.mark.parametrize("process", PROCESSES)
@pytest.mark.parametrize(
    ("arrange", "families"),
    [
        pytest.param(_first_login, 1, id="the first", marks=SLOW),
        pytest.param(_login_that_replaces, 1, id="one that replaces"),
        pytest.param(_login_beyond_the_cap, 2, id="one beyond the cap", marks=SLOW),
    ],
)
def test_a_failed_login_succeeds_when_it_is_sent_again_and_leaves_one_session_of_the_device(
    arrange, families, process, settings, faults
):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "FAMILIES_PER_USER": 2}

    def arranged() -> Arrival:
        arrival = arrange()
        caches["default"].clear()
        if process != "a warm process":
            forget_everything()
        return arrival

    for met in attempts(arranged, Arrival.log_in):
        faults.append(met.fault)
        assert met.world.is_whole(), met.fault

        again = met.world.log_in()

        assert isinstance(again, Issued), met.fault
        assert met.world.live_families() == families, met.fault
        assert Device.objects.filter(user_key=str(met.world.user.pk), installation="phone").count() == 1
        assert accepted_elsewhere(again.pair.access_token), met.fault
        assert _is_refused_as_replaced(met.outcome), met.fault


@pytest.mark.parametrize("when", [When.BEFORE, When.CUT_AFTER])
def test_the_first_login_of_a_site_may_fail_while_the_keys_are_made(when, faults):
    """The keys are made inside the login's transaction; what is rolled back must not sign."""

    def a_site_without_keys() -> Arrival:
        KeyRecord.objects.all().delete()
        forget_everything()
        return _first_login()

    for met in attempts(a_site_without_keys, Arrival.log_in, when=(when,)):
        faults.append(met.fault)

        again = met.world.log_in()

        assert isinstance(again, Issued), met.fault
        assert accepted_elsewhere(again.pair.access_token), met.fault


def second_factor(user: Any, client: Any, device: Any, request: Any) -> Challenge:
    return Challenge(methods=("totp",))


def any_response_will_do(user: Any, method: str, response: str, request: Any) -> bool:
    return True


@dataclass(frozen=True)
class SecondStepOf:
    """A login that gave its password and is about to answer the challenge."""

    arrival: Arrival
    answer: SecondStep

    @classmethod
    def arrange(cls) -> "SecondStepOf":
        arrival = _login_that_replaces()
        challenged = arrival.log_in()
        assert isinstance(challenged, Challenged), challenged
        return cls(arrival, SecondStep(challenged.challenge, "totp", "123456"))

    def send(self) -> Any:
        asked = self.arrival.asked
        return continue_login(self.answer, client=asked.client, origin=Origin(), request=HttpRequest())


def test_the_second_step_of_a_login_that_failed_succeeds_when_it_is_sent_again_and_then_no_more(
    settings, faults
):
    settings.TOKENAUTH = {
        **settings.TOKENAUTH,
        "LOGIN_CHALLENGE": f"{__name__}.second_factor",
        "LOGIN_VERIFY": f"{__name__}.any_response_will_do",
    }
    for met in attempts(SecondStepOf.arrange, SecondStepOf.send):
        faults.append(met.fault)

        answered = met.outcome if isinstance(met.outcome, Issued) else met.world.send()

        assert isinstance(answered, Issued), met.fault
        assert met.world.arrival.live_families() == 1, met.fault
        assert met.world.send() == Refused(Cause.CREDENTIALS), met.fault


def _is_refused_as_replaced(outcome: Any) -> bool:
    """What the failed login answered, if anything, was ended by the one that was sent again."""
    return not isinstance(outcome, Issued) or not accepted_elsewhere(outcome.pair.access_token)


# Revocation


@dataclass(frozen=True)
class Revocation:
    """A subject of a session's, what of the database says that it is revoked, and what then dies."""

    subject: Callable[[Session], Subject]
    standing: Callable[[Session], Any]
    ends_access: bool = True
    ends_refresh: bool = True


def _device_of(session: Session) -> Any:
    return Device.objects.values("epoch", "lost_at", "installation").get(pk=session.pair.device_id)


def _client_of(session: Session) -> Any:
    return Client.objects.values("epoch", "disabled_at").get(pk=session.client.pk)


def _site(session: Session) -> Any:
    return Site.objects.values("epoch", "issued_before").first()


def _state_of_access_key(session: Session) -> Any:
    return KeyRecord.objects.values("state").get(pk=kid_of(session.pair.access_token))


def _state_of_refresh_key(session: Session) -> Any:
    return KeyRecord.objects.values("state").get(pk=session.family.refresh_kid)


def _a_minute_ago(session: Session) -> Subject:
    return EverythingBefore(timezone.now() - timedelta(seconds=61))


REVOCATIONS = {
    "a token": Revocation(
        lambda s: OfToken(claims_of(s.pair.access_token).jti),
        lambda s: TokenEvent.objects.filter(data__jti=claims_of(s.pair.access_token).jti).count(),
        ends_refresh=False,
    ),
    "a session": Revocation(lambda s: OfFamily(s.family_id), lambda s: s.family.revoked_at),
    "a device": Revocation(lambda s: OfDevice(s.pair.device_id), _device_of),
    "a lost device": Revocation(lambda s: OfDevice(s.pair.device_id, lost=True), _device_of),
    "a user": Revocation(
        lambda s: OfUser(str(s.user.pk)), lambda s: AccountState.objects.epoch_of(str(s.user.pk))
    ),
    "a client": Revocation(lambda s: OfClient(s.client.client_id), _client_of),
    "a disabled client": Revocation(lambda s: OfClient(s.client.client_id, disable=True), _client_of),
    "an access key": Revocation(
        lambda s: OfKey(kid_of(s.pair.access_token)), _state_of_access_key, ends_refresh=False
    ),
    "a refresh key": Revocation(
        lambda s: OfKey(s.family.refresh_kid), _state_of_refresh_key, ends_access=False
    ),
    "everything": Revocation(lambda s: Everything(), _site),
    "everything before": Revocation(_a_minute_ago, _site),
}


@dataclass(frozen=True)
class Before:
    """A session that is about to be revoked, and what the database held then."""

    session: Session
    subject: Subject
    standing: Any
    orders: int = field(default_factory=lambda: RevocationOrder.objects.count())
    events: int = field(default_factory=lambda: TokenEvent.objects.count())

    def revoke(self) -> Any:
        return revoke(self.subject)


#: Told apart from one that is tried quickly by nothing that a fault could meet.
ALIKE = {"a device", "a client", "a refresh key", "everything before"}


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=name, marks=SLOW if name in ALIKE else ()) for name, case in REVOCATIONS.items()],
)
def test_a_failed_revocation_is_whole_or_absent_and_succeeds_when_it_is_sent_again(case, clock, faults):
    def arranged() -> Before:
        session = log_in(device="phone")
        clock.shift(120)
        return Before(session, case.subject(session), case.standing(session))

    for met in attempts(arranged, Before.revoke):
        faults.append(met.fault)
        session = met.world.session
        in_force = case.standing(session) != met.world.standing
        assert RevocationOrder.objects.count() - met.world.orders == int(in_force), met.fault
        assert (TokenEvent.objects.count() > met.world.events) is in_force, met.fault
        assert in_force or isinstance(met.outcome, Error), met.fault

        again = met.world.revoke()

        assert isinstance(again, Revoked), met.fault
        assert accepted_elsewhere(session.pair.access_token) is not case.ends_access, met.fault
        forget_everything()  # a killed key is known within the staleness bound, this process learns it now
        refreshed = session.show(session.pair.refresh_token)
        assert isinstance(refreshed, Refused) is case.ends_refresh, met.fault


def test_failed_revoke_others_keeps_the_own_session_and_ends_the_others_when_it_is_sent_again(faults):
    def arranged() -> tuple[Session, Session]:
        own = log_in()
        return own, log_in(own.user, own.client)

    def revoke_all_but_own(both: tuple[Session, Session]) -> Any:
        own, _ = both
        return revoke_others(user_key=str(own.user.pk), but_family=own.family_id)

    for met in attempts(arranged, revoke_all_but_own):
        faults.append(met.fault)
        own, other = met.world
        epoch = AccountState.objects.epoch_of(str(own.user.pk))
        orders = RevocationOrder.objects.filter(kind=OrderKind.USER, key=str(own.user.pk))
        assert orders.count() == epoch == own.family.ep_user, met.fault

        again = revoke_all_but_own(met.world)

        assert again.families == 1, met.fault
        assert isinstance(other.show(other.pair.refresh_token), Refused), met.fault
        assert not accepted_elsewhere(other.pair.access_token), met.fault
        assert accepted_elsewhere(own.refresh().access_token), met.fault


def test_a_session_that_a_failed_request_should_have_ended_ends_when_it_is_sent_again(faults):
    def end(session: Session) -> Any:
        owner = Owner(
            user=session.user,
            claims=claims_of(session.pair.access_token),
            policy=builtin.named("browser"),
        )
        return sessions.end_one(session.family_id, owner=owner)

    for met in attempts(log_in, end):
        faults.append(met.fault)
        session = met.world
        assert _end_is_whole_or_absent(session, Cause.LOGGED_OUT), met.fault

        again = end(session)

        assert isinstance(again, Ended), met.fault
        assert isinstance(session.show(session.pair.refresh_token), Refused), met.fault
        assert not accepted_elsewhere(session.pair.access_token), met.fault


def test_a_refresh_token_handed_back_ends_its_session_when_the_failed_logout_is_sent_again(faults):
    """RFC 7009"""

    def log_out(session: Session) -> Any:
        return hand_back(session.pair.refresh_token, client=session.asked().client)

    for met in attempts(log_in, log_out):
        faults.append(met.fault)
        session = met.world
        assert _end_is_whole_or_absent(session, Cause.LOGGED_OUT), met.fault

        again = log_out(session)

        assert isinstance(again, Revoked | NothingToRevoke), met.fault
        assert isinstance(session.show(session.pair.refresh_token), Refused), met.fault
        assert not accepted_elsewhere(session.pair.access_token), met.fault


def test_an_access_token_handed_back_is_dead_when_the_failed_request_is_sent_again(faults):
    """RFC 7009"""

    def give_back(session: Session) -> Any:
        return hand_back(session.pair.access_token, client=session.asked().client)

    for met in attempts(log_in, give_back):
        faults.append(met.fault)
        jti = claims_of(met.world.pair.access_token).jti
        orders = RevocationOrder.objects.filter(kind=OrderKind.JTI, key=jti)
        assert orders.count() == TokenEvent.objects.filter(data__jti=jti).count(), met.fault

        again = give_back(met.world)

        # nothing is left to revoke where the failed request had committed its order
        assert isinstance(again, Revoked | NothingToRevoke), met.fault
        assert not accepted_elsewhere(met.world.pair.access_token), met.fault


def test_an_own_password_change_that_failed_is_whole_or_absent(faults):
    """Absent: the same request succeeds. Whole: only its answer was lost, which costs a login with the
    new password (PROTOCOL 2, `keep`)."""
    new = "an even better password"

    def change_password(session: Session) -> Any:
        user = get_user_model().objects.get(pk=session.user.pk)
        request = SimpleNamespace(auth=claims_of(session.pair.access_token), user=user)
        with keep(request, user) as kept:
            user.set_password(new)
            user.save()
        return kept.pair

    for met in attempts(log_in, change_password):
        faults.append(met.fault)
        session = met.world
        orders = RevocationOrder.objects.filter(kind=OrderKind.USER, key=str(session.user.pk))
        changed = get_user_model().objects.get(pk=session.user.pk).check_password(new)
        assert orders.exists() is changed is (session.family.generation == 1), met.fault

        if changed:
            refused = session.show(session.pair.refresh_token)
            assert isinstance(refused, Refused), met.fault
            assert refused.cause is not Cause.REUSE, met.fault
            session.user.refresh_from_db()
            assert accepted_elsewhere(log_in(session.user, session.client).pair.access_token), met.fault
        else:
            session.pair = change_password(session)
            assert accepted_elsewhere(session.pair.access_token), met.fault
            assert session.refresh(), met.fault


# Client secrets


def test_a_client_gets_its_secret_when_the_failed_making_of_one_is_sent_again(faults):
    for met in attempts(lambda: ClientFactory(confidential=True), secret_of):
        faults.append(met.fault)
        client = met.world
        secrets = ClientSecret.objects.filter(client=client).count()
        assert _events_of(client, EventKind.SECRET_MADE) == secrets, met.fault

        secret = secret_of(client)

        assert _authenticates(client, secret), met.fault


def test_a_secret_is_retired_when_the_failed_retirement_is_sent_again(faults):
    @dataclass(frozen=True)
    class Held:
        client: Client
        secret: str

        def retire(self) -> None:
            clients.retire_secret(ClientSecret.objects.get(client=self.client))

    def arranged() -> Held:
        client = ClientFactory(confidential=True)
        return Held(client, secret_of(client))

    for met in attempts(arranged, Held.retire):
        faults.append(met.fault)
        client = met.world.client
        retired = ClientSecret.objects.exclude(client=client, revoked_at=None).filter(client=client).count()
        assert _events_of(client, EventKind.SECRET_RETIRED) == retired, met.fault

        met.world.retire()

        assert not _authenticates(client, met.world.secret), met.fault


def test_a_client_is_enabled_when_the_failed_request_is_sent_again(faults):
    def disabled() -> Client:
        client = ClientFactory()
        revoke(OfClient(client.client_id, disable=True))
        return client

    for met in attempts(disabled, clients.enable):
        faults.append(met.fault)

        clients.enable(met.world)

        assert _authenticates(met.world, None), met.fault


def _events_of(client: Client, kind: EventKind) -> int:
    return TokenEvent.objects.filter(client_id=client.client_id, kind=kind).count()


def _authenticates(client: Client, secret: str | None) -> bool:
    known(client)  # as a process that has followed the plane's `clients_version`
    return isinstance(authenticated(client.client_id, secret, at=timezone.now()), Authenticated)


# Over HTTP


@dataclass(frozen=True)
class Request:
    """A request of a client's, ready to be sent once and once more."""

    send: Callable[[], Any]


def _http() -> Http:
    return Http(Browser(raise_request_exception=False))


def _refresh(http: Http, session: Session) -> Any:
    body = {"refresh_token": session.pair.refresh_token, "client_id": session.client.client_id}
    return http.post(REFRESH, body)


def _token(http: Http, session: Session) -> Any:
    body = {"refresh_token": session.pair.refresh_token, "client_id": session.client.client_id}
    return http.form(TOKEN, {**body, "grant_type": "refresh_token"})


def _revoke(http: Http, session: Session) -> Any:
    return http.form(REVOKE, {"token": session.pair.refresh_token, "client_id": session.client.client_id})


def _login(http: Http, session: Session) -> Any:
    body = {"username": session.user.get_username(), "password": PASSWORD}
    return http.post(LOGIN, {**body, "client_id": session.client.client_id})


ENDPOINTS = {"token/refresh/": _refresh, "token/": _token, "token/revoke/": _revoke, "login/": _login}


@pytest.mark.over_http
@pytest.mark.parametrize("process", PROCESSES)
@pytest.mark.parametrize("error", [OperationalError, pytest.param(InterfaceError, marks=SLOW)])
@pytest.mark.parametrize("send", ENDPOINTS.values(), ids=ENDPOINTS)
def test_an_endpoint_answers_503_when_the_database_fails_and_200_when_it_is_asked_again(
    send, error, process, faults
):
    http = _http()

    def arranged() -> Session:
        session = log_in()
        caches["default"].clear()
        if process != "a warm process":
            forget_everything()
        return session

    for met in attempts(arranged, lambda session: send(http, session), error=error):
        faults.append(met.fault)

        again = send(http, met.world)

        assert _is_200_or_503(met), met.fault
        assert again.status_code == 200, met.fault


def _is_200_or_503(met: Attempt[Any]) -> bool:
    answer = met.outcome
    if answer.status_code == 200:
        return True
    is_flat = set(answer.json()) == {"error", "error_description"}
    return answer.status_code == 503 and int(answer["Retry-After"]) >= 1 and is_flat
