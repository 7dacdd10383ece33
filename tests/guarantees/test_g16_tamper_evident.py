"""
Guarantee 16: what is changed, deleted or doubled in the trail is found and named; a person is forgotten and
the trail still verifies.

Not yet: events exchanged with each other, and the deletion of events that stand for no answer; the seals
will show them (PROTOCOL 6).
"""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import models

from tests.factories import UserFactory
from tests.sessions import log_in
from tokenauth.audit import erasure, verification
from tokenauth.audit.verification import Fault, Finding
from tokenauth.flows.asked import Origin
from tokenauth.models import EventDetail, TokenEvent, users
from tokenauth.models.event import EventKind

pytestmark = pytest.mark.django_db

COLUMNS = [field.attname for field in TokenEvent._meta.concrete_fields if not field.primary_key]
PERSONAL = ["address", "agent", "name", "salt"]


@pytest.fixture
def session(clock):
    """A login, two rotations and a late repeat."""
    session = log_in(UserFactory(username="ada"), origin=Origin(address="192.0.2.1", agent="hers"))
    session.refresh()
    parent = session.pair.refresh_token
    session.refresh()
    clock.shift(60)
    session.show(parent)
    assert list(verification.faults()) == []
    return session


def another(field: models.Field, value: Any) -> Any:
    match field:
        case models.DateTimeField():
            return value + timedelta(microseconds=1)
        case models.UUIDField():
            return uuid4()
        case models.BinaryField():
            return b"\x01" * 32
        case models.JSONField():
            return {"reason": "another"}
        case models.IntegerField():
            return (value or 0) + 1
        case models.GenericIPAddressField():
            return "203.0.113.9"
    return "another"


@pytest.mark.parametrize("column", COLUMNS)
def test_a_change_of_any_column_of_any_event_is_found(session, column):
    field = TokenEvent._meta.get_field(column)
    for event in TokenEvent.objects.of_family(session.family_id):
        before = getattr(event, column)
        TokenEvent.objects.filter(pk=event.pk).update(**{column: another(field, before)})

        assert Finding(Fault.CHANGED, event=event.pk) in list(verification.faults())

        TokenEvent.objects.filter(pk=event.pk).update(**{column: before})
        assert list(verification.faults()) == []


@pytest.mark.parametrize("column", PERSONAL)
def test_a_change_of_a_personal_part_is_found(session, column):
    detail = EventDetail.objects.earliest("pk")
    setattr(detail, column, another(EventDetail._meta.get_field(column), getattr(detail, column)))
    detail.save()

    assert list(verification.faults()) == [Finding(Fault.DETAIL_CHANGED, event=detail.pk)]


def test_the_deletion_of_any_answer_is_found_and_named(session):
    answers = TokenEvent.objects.of_family(session.family_id).exclude(kind=EventKind.REPEATED)
    assert answers.count() == 4
    for event in answers:
        EventDetail.objects.filter(pk=event.pk).delete()
        TokenEvent.objects.filter(pk=event.pk).delete()

        missing = Finding(
            Fault.MISSING, family=event.family, generation=event.generation, branch=event.branch
        )
        assert missing in list(verification.faults())

        event.save(force_insert=True)


def test_an_event_of_another_session_fills_no_gap(session):
    other = log_in()
    TokenEvent.objects.of_family(session.family_id).filter(generation=1).delete()
    TokenEvent.objects.of_family(other.family_id).update(family=session.family_id, generation=1)

    assert {finding.fault for finding in verification.faults()} >= {Fault.CHANGED, Fault.MISSING}


def test_a_forgotten_person_leaves_a_trail_that_verifies(session):
    erasure.erase(users.key_of(session.user))

    assert not EventDetail.objects.exists()
    assert list(verification.faults()) == []
    assert session.refresh()
