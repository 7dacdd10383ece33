"""F02: a token of a family that ended comes back, as apps and browsers replay old ones after a logout."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import time_machine

from tests.http import REVOKE, Http
from tokenauth.flows import revoke
from tokenauth.models import RevocationOrder, TokenEvent, TokenFamily
from tokenauth.models.event import EventKind
from tokenauth.revocation.subjects import OfFamily

pytestmark = pytest.mark.django_db

HOUR, DAY = 3_600, 86_400


@dataclass
class Three:
    """Three families of one user; the first is the one that ends. `superseded` is two generations old:
    while its family lived, it would be theft."""

    http: Http
    user: Any
    client: Any
    clock: time_machine.Traveller
    superseded: dict[str, Any]
    newest: dict[str, Any]
    others: list[dict[str, Any]]

    def refresh_the_others(self) -> list[int]:
        answers = [self.http.refresh(tokens, self.client) for tokens in self.others]
        self.others = [answer.json() for answer in answers]
        return [answer.status_code for answer in answers]


def logged_out(three: Three) -> None:
    answer = three.http.form(REVOKE, {"token": three.newest["refresh_token"], "client_id": "web"})
    assert answer.status_code == 200


def idle_for_too_long(three: Three) -> None:
    for _ in range(2):
        three.clock.shift(4 * DAY)
        three.refresh_the_others()


def too_old(three: Three) -> None:
    for _ in range(7):
        three.clock.shift(4 * DAY)
        three.newest = three.http.refresh(three.newest, three.client).json()
    three.others = [three.http.log_in(three.user, three.client) for _ in range(2)]
    three.clock.shift(4 * DAY)


def replaced(three: Three) -> None:
    three.http.log_in(three.user, three.client, device={"id": "phone"})


def revoked_by_an_operator(three: Three) -> None:
    revoke(OfFamily(three.newest["session_id"]), reason="lost phone", actor="admin:1")


ENDINGS = pytest.mark.parametrize(
    "end", [logged_out, idle_for_too_long, too_old, replaced, revoked_by_an_operator]
)


@pytest.fixture
def three(http: Http, ada, web, clock) -> Three:
    first = http.log_in(ada, web, device={"id": "phone"})
    newest = http.refresh(http.refresh(first, web).json(), web).json()
    others = [http.log_in(ada, web, device={"id": name}) for name in ("laptop", "tablet")]
    return Three(http, ada, web, clock, first, newest, others)


def traces() -> dict[str, int]:
    """What an alarm would leave behind."""
    return {
        "events": TokenEvent.objects.count(),
        "orders": RevocationOrder.objects.count(),
        "ended": TokenFamily.objects.exclude(revoked_at=None).count(),
    }


def alarms(caplog: pytest.LogCaptureFixture) -> list[str]:
    ours = [record for record in caplog.records if record.name == "tokenauth.security"]
    return [record.getMessage() for record in ours if record.levelno >= logging.WARNING]


@ENDINGS
@pytest.mark.parametrize("shown", ["newest", "superseded"])
def test_it_is_refused_and_nothing_else(
    three: Three, end: Callable[[Three], None], shown, caplog, mailoutbox
):
    end(three)
    three.clock.shift(HOUR)
    before = traces()
    caplog.clear()

    answers = [three.http.refresh(getattr(three, shown), three.client) for _ in range(2)]

    for answer in answers:
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert traces() == before
    assert alarms(caplog) == []
    assert mailoutbox == []


@ENDINGS
def test_the_other_sessions_go_on(three: Three, end: Callable[[Three], None]):
    end(three)
    three.clock.shift(HOUR)
    for tokens in (three.newest, three.superseded):
        three.http.refresh(tokens, three.client)

    assert three.refresh_the_others() == [200, 200]
    assert not TokenEvent.objects.filter(kind=EventKind.REUSE).exists()


def test_a_superseded_token_of_a_living_family_still_is_theft(three: Three):
    three.http.refresh(three.superseded, three.client)

    assert TokenFamily.objects.get(pk=three.newest["session_id"]).cause == "reuse"
