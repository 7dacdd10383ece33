"""Guarantee 2: theft is found within its bound and ends the family, nothing else (DESIGN 6, PROTOCOL 1)."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client as Browser

from tests.factories import ClientFactory, UserFactory
from tests.http import Http
from tests.sessions import Session, log_in, why_refused
from tokenauth.errors import Cause, Refused
from tokenauth.flows.outcomes import Repeated, Rotated, Sibling, TokenPair
from tokenauth.flows.rotate import Outcome
from tokenauth.models import AccountState, Client, Device, RevocationOrder, Site, TokenEvent
from tokenauth.models.event import EventKind
from tokenauth.models.order import OrderKind

pytestmark = pytest.mark.django_db

#: S of the policies in use.
OVERLAPS = 3
OWNERS_KEY, THIEFS_KEY = "the-owners-own-attempt", "the-thiefs-own-attempt"


@dataclass
class Heist:
    """A session of which somebody else holds a copy: two stores that know nothing of each other."""

    owner: Session
    thief: Session
    clock: time_machine.Traveller
    #: Everything that anybody was ever given of the family.
    pairs: list[TokenPair] = field(default_factory=list)
    #: Sessions that have no part in it; they refresh in their own time.
    others: dict[str, Session] = field(default_factory=dict)

    def refresh(self, holder: Session, **asked: Any) -> Outcome:
        """Have one of the two show what his store holds and take the answer in."""
        outcome = holder.show(holder.pair.refresh_token, **asked)
        if not isinstance(outcome, Refused):
            holder.pair = outcome.pair
            self.pairs.append(outcome.pair)
        return outcome

    def later(self) -> None:
        """Outside the window, inside the life of every token."""
        self.clock.shift(30)

    def days_later(self) -> None:
        """Most of a refresh token's idle life; who is not looked at goes on."""
        self.clock.shift(6 * 86_400)
        for session in self.others.values():
            session.refresh(**key_for(session))


Story = Callable[[Heist], Outcome]


def thief_first_and_the_owner_goes_on(heist: Heist) -> Outcome:
    heist.refresh(heist.thief)
    heist.later()
    assert isinstance(heist.refresh(heist.owner), Sibling)
    heist.refresh(heist.owner)
    return heist.refresh(heist.thief)


def thief_first_and_the_thief_goes_on(heist: Heist) -> Outcome:
    heist.refresh(heist.thief)
    heist.later()
    assert isinstance(heist.refresh(heist.owner), Sibling)
    heist.refresh(heist.thief)
    return heist.refresh(heist.owner)


def owner_first_and_the_owner_goes_on(heist: Heist) -> Outcome:
    heist.refresh(heist.owner)
    heist.later()
    assert isinstance(heist.refresh(heist.thief), Sibling)
    heist.refresh(heist.owner)
    return heist.refresh(heist.thief)


def owner_first_and_the_thief_goes_on(heist: Heist) -> Outcome:
    heist.refresh(heist.owner)
    heist.later()
    assert isinstance(heist.refresh(heist.thief), Sibling)
    heist.refresh(heist.thief)
    return heist.refresh(heist.owner)


def thief_twice_before_the_owner_comes(heist: Heist) -> Outcome:
    heist.refresh(heist.thief)
    heist.refresh(heist.thief)
    return heist.refresh(heist.owner)


def owner_twice_before_the_thief_comes(heist: Heist) -> Outcome:
    heist.refresh(heist.owner)
    heist.refresh(heist.owner)
    return heist.refresh(heist.thief)


def lockstep_with_the_owner_first(heist: Heist) -> Outcome:
    return lockstep(heist, heist.owner, heist.thief)


def lockstep_with_the_thief_first(heist: Heist) -> Outcome:
    return lockstep(heist, heist.thief, heist.owner)


def lockstep(heist: Heist, first: Session, second: Session) -> Outcome:
    """Both always come inside W with the same token, and so always get the same answer."""
    for _ in range(OVERLAPS):
        assert isinstance(heist.refresh(first), Rotated)
        assert isinstance(heist.refresh(second), Repeated)
    heist.refresh(first)
    assert isinstance(heist.refresh(second), Sibling)
    heist.refresh(first)
    outcome = heist.refresh(second)
    assert heist.owner.family.generation <= OVERLAPS + 2
    return outcome


def taking_turns_at_the_lead(heist: Heist) -> Outcome:
    """As lockstep, but now the one and now the other is first."""
    first, second = heist.owner, heist.thief
    for _ in range(OVERLAPS + 2):
        heist.refresh(first)
        if isinstance(outcome := heist.refresh(second), Refused):
            return outcome
        first, second = second, first
    raise AssertionError("not found within S + 2 generations")


def an_ancient_token(heist: Heist) -> Outcome:
    """The token of a backup: long expired by itself, and wrong in everything else too."""
    for _ in range(3):
        heist.days_later()
        heist.refresh(heist.owner)
    return heist.refresh(heist.thief, scope="admin", audience=("https://elsewhere.test",))


STORIES: list[Story] = [
    thief_first_and_the_owner_goes_on,
    thief_first_and_the_thief_goes_on,
    owner_first_and_the_owner_goes_on,
    owner_first_and_the_thief_goes_on,
    thief_twice_before_the_owner_comes,
    owner_twice_before_the_thief_comes,
    lockstep_with_the_owner_first,
    lockstep_with_the_thief_first,
    taking_turns_at_the_lead,
    an_ancient_token,
]


def exact_owner_first(heist: Heist) -> Outcome:
    heist.refresh(heist.owner, key=OWNERS_KEY)
    return heist.refresh(heist.thief, key=THIEFS_KEY)


def exact_thief_first(heist: Heist) -> Outcome:
    heist.refresh(heist.thief, key=THIEFS_KEY)
    return heist.refresh(heist.owner, key=OWNERS_KEY)


def exact_thief_without_a_key(heist: Heist) -> Outcome:
    heist.refresh(heist.owner, key=OWNERS_KEY)
    heist.later()
    return heist.refresh(heist.thief)


def exact_with_the_pending_key_stolen_too(heist: Heist) -> Outcome:
    """Found at the next presentation but one."""
    heist.refresh(heist.thief, key=OWNERS_KEY)
    assert isinstance(heist.refresh(heist.owner, key=OWNERS_KEY), Repeated)
    heist.refresh(heist.thief, key=THIEFS_KEY)
    return heist.refresh(heist.owner, key="the-owners-next-attempt")


EXACT_STORIES: list[Story] = [
    exact_owner_first,
    exact_thief_first,
    exact_thief_without_a_key,
    exact_with_the_pending_key_stolen_too,
]


@pytest.fixture(params=[*STORIES, *EXACT_STORIES], ids=lambda story: story.__name__)
def story(request: pytest.FixtureRequest) -> Story:
    return request.param


@pytest.fixture
def heist(story: Story, clock: time_machine.Traveller) -> Heist:
    client = ClientFactory(exact=True) if story in EXACT_STORIES else ClientFactory()
    owner = log_in(client=client, device="phone")
    return Heist(owner, Session(owner.user, client, owner.pair), clock, [owner.pair])


@pytest.fixture
def bystanders(heist: Heist) -> dict[str, Session]:
    """What shares user, client or both with the stolen session."""
    user, client = heist.owner.user, heist.owner.client
    heist.others = {
        "another device": log_in(user, client, device="tablet"),
        "another client": log_in(user, device="phone"),
        "another user": log_in(client=client, device="phone"),
    }
    return heist.others


def standing() -> list[Any]:
    """Every epoch and every end above the families."""
    return [
        list(Site.objects.values()),
        list(AccountState.objects.values("user_key", "epoch")),
        list(Client.objects.values("client_id", "epoch", "disabled_at").order_by("client_id")),
        list(Device.objects.values("id", "epoch", "lost_at").order_by("id")),
    ]


def key_for(session: Session) -> dict[str, str]:
    return {"key": "a-key-of-a-bystander"} if session.family.exact else {}


def test_it_is_found(heist: Heist, story: Story):
    assert story(heist) == Refused(Cause.REUSE, heist.owner.family_id)
    assert heist.owner.family.cause == "reuse"


def test_it_ends_every_token_of_the_family_and_nothing_else(
    heist: Heist, story: Story, bystanders: dict[str, Session]
):
    assert heist.owner.accepts()
    before = standing()

    story(heist)

    assert all(why_refused(pair.access_token) is not None for pair in heist.pairs)
    newest = max(heist.pairs, key=lambda pair: pair.access_expires_at)
    assert why_refused(newest.access_token) == Refused(Cause.ENDED, heist.owner.family_id)
    for pair in heist.pairs:
        assert heist.owner.show(pair.refresh_token, key=OWNERS_KEY) == Refused(
            Cause.REUSE, heist.owner.family_id
        )
    assert standing() == before
    for name, session in bystanders.items():
        assert session.refresh(**key_for(session)), name
        assert session.accepts(), name


def test_it_is_one_event_and_one_order_and_its_echoes_are_neither_nor_an_alarm(
    heist: Heist, story: Story, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.WARNING, "tokenauth.security"):
        story(heist)
        alarms = [record.getMessage().split()[0] for record in caplog.records]
        written = written_about_it()
        caplog.clear()
        for pair in heist.pairs:
            for holder, key in ((heist.owner, OWNERS_KEY), (heist.thief, THIEFS_KEY)):
                assert isinstance(holder.show(pair.refresh_token, key=key), Refused)

    assert alarms == ["reuse"]
    assert written["events"].count(EventKind.REUSE) == 1
    assert written["orders"] == [(OrderKind.FAMILY, str(heist.owner.family_id))]
    assert written_about_it() == written
    assert not caplog.records


def written_about_it() -> dict[str, list[Any]]:
    return {
        "events": list(TokenEvent.objects.order_by("id").values_list("kind", flat=True)),
        "orders": list(RevocationOrder.objects.exclude(kind=OrderKind.GENERATION).values_list("kind", "key")),
    }


class TestTheOwnerAfterwards:
    @pytest.fixture
    def story(self) -> Story:
        return owner_twice_before_the_thief_comes

    def test_logs_in_on_the_same_device_and_goes_on(self, heist: Heist, story: Story):
        story(heist)

        again = log_in(heist.owner.user, heist.owner.client, device="phone")

        assert again.pair.device_id == heist.owner.pair.device_id
        assert again.refresh()
        assert again.accepts()

    def test_a_wrong_request_of_a_thief_without_a_second_presentation_ends_nothing(self, heist: Heist):
        assert heist.refresh(heist.thief, scope="admin") == Refused(Cause.SCOPE, heist.owner.family_id)

        assert isinstance(heist.refresh(heist.owner), Rotated)


class TestOverHttp:
    pytestmark = pytest.mark.django_db(transaction=True)

    @pytest.fixture(params=[False, True], ids=["autocommit", "ATOMIC_REQUESTS"])
    def http(self, request: pytest.FixtureRequest) -> Iterator[Http]:
        before = connection.settings_dict["ATOMIC_REQUESTS"]
        connection.settings_dict["ATOMIC_REQUESTS"] = request.param
        yield Http(Browser())
        connection.settings_dict["ATOMIC_REQUESTS"] = before

    def test_owner_and_thief_get_the_same_answer_and_the_theft_stays_found(self, http: Http):
        user, client = UserFactory(), ClientFactory()
        stolen = http.log_in(user, client)
        newest = http.refresh(http.refresh(stolen, client).json(), client).json()

        found = http.refresh(stolen, client)
        owner = http.refresh(newest, client)
        protected = http.get("/api/me/", bearer=newest["access_token"])

        assert (found.status_code, owner.status_code, protected.status_code) == (400, 400, 401)
        assert found.json() == owner.json()
        assert found.json()["error"] == "invalid_grant"
        assert found.json()["reauthenticate"] is True
        assert TokenEvent.objects.filter(kind=EventKind.REUSE).count() == 1
