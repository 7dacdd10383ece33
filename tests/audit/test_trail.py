"""The trail: every event under its MAC, the personal part erasable."""

import uuid

import pytest
from django.utils import timezone

from tests.sessions import log_in
from tokenauth.audit import mac, trail
from tokenauth.models import EventDetail, TokenEvent
from tokenauth.models.event import EventKind

pytestmark = pytest.mark.django_db


def written(**facts) -> TokenEvent:
    event = trail.entry(EventKind.REVOKED, at=timezone.now(), **facts)
    trail.save(event, using="default")
    return TokenEvent.objects.get(pk=event.pk)


def test_an_event_that_comes_back_from_the_database_verifies():
    event = written(
        family=uuid.uuid4(), user_key="7", generation=3, branch=1, data={"b": 1, "a": "é"}, cause="reuse"
    )

    assert mac.holds(event)


@pytest.mark.parametrize(
    "change",
    [
        {"at": timezone.now()},
        {"kind": EventKind.ENDED},
        {"family": uuid.uuid4()},
        {"user_key": "8"},
        {"client_id": "other"},
        {"device": uuid.uuid4()},
        {"generation": 4},
        {"branch": 2},
        {"cause": "ended"},
        {"actor": "me"},
        {"data": {"a": 2}},
        {"data": None},
        {"detail_hash": b"\x00" * 32},
        {"mac": b"\x00" * 32},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_changed_column_is_seen(change):
    event = written(user_key="7", client_id="web", generation=3, branch=1, data={"a": 1})

    TokenEvent.objects.filter(pk=event.pk).update(**change)

    assert not mac.holds(TokenEvent.objects.get(pk=event.pk))


def test_everything_a_login_writes_verifies():
    session = log_in()
    session.refresh()

    events = list(TokenEvent.objects.of_family(session.family_id))

    assert len(events) == 2
    assert all(mac.holds(event) for event in events)


def test_a_detail_can_be_erased_and_the_event_still_verifies():
    session = log_in()
    event = TokenEvent.objects.of_family(session.family_id).get(kind=EventKind.ISSUED)
    assert bytes(event.detail_hash or b"") == trail.digest(event.detail)

    EventDetail.objects.filter(event=event).delete()

    assert mac.holds(TokenEvent.objects.get(pk=event.pk))


def test_what_no_column_holds_is_cut_and_not_refused():
    personal = trail.detail(address=None, agent="x\x00" * 500 + "\ud800", name="n" * 300)
    event = trail.entry(EventKind.ISSUED, at=timezone.now(), detail=personal)

    trail.save(event, using="default", detail=personal)

    assert (len(EventDetail.objects.get().agent), len(EventDetail.objects.get().name)) == (256, 255)


def test_data_is_bounded():
    with pytest.raises(ValueError, match="512"):
        trail.entry(EventKind.ISSUED, at=timezone.now(), data={"x": "y" * 600})
