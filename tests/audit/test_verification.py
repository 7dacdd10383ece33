"""The trail read again: what was changed, deleted or doubled is named; what was erased is no fault."""

import pytest
from django.core.management import CommandError, call_command

from tests.factories import UserFactory
from tests.sessions import log_in
from tokenauth.audit import erasure, verification
from tokenauth.audit.verification import Fault, Finding
from tokenauth.models import Device, EventDetail, TokenEvent, TokenFamily, users
from tokenauth.models.event import EventKind

pytestmark = pytest.mark.django_db


@pytest.fixture
def session(clock):
    """A session with a rotation, a late repeat, and another rotation."""
    session = log_in(UserFactory(username="ada"), device="phone")
    session.refresh()
    parent = session.pair.refresh_token
    session.refresh()
    clock.shift(60)
    session.show(parent)
    return session


def found() -> list[Finding]:
    return list(verification.faults())


def test_what_was_only_used_has_no_fault(session):
    assert TokenEvent.objects.filter(kind=EventKind.LATE_REPEAT).exists()
    assert found() == []


@pytest.mark.parametrize(("generation", "branch"), [(0, 0), (1, 0), (2, 0), (2, 1)])
def test_a_deleted_answer_is_named(session, generation, branch):
    events = TokenEvent.objects.of_family(session.family_id)
    assert events.filter(generation=generation, branch=branch).delete()[0]

    assert found() == [Finding(Fault.MISSING, family=session.family_id, generation=generation, branch=branch)]


def test_a_changed_event_is_named(session):
    event = TokenEvent.objects.of_family(session.family_id).first()
    TokenEvent.objects.filter(pk=event.pk).update(user_key="somebody else")

    assert Finding(Fault.CHANGED, event=event.pk) in found()


def test_a_doubled_event_is_named(session):
    event = TokenEvent.objects.of_family(session.family_id).filter(generation=1).get()
    event.pk = None
    event.save(force_insert=True)

    assert found() == [Finding(Fault.DOUBLED, family=session.family_id, generation=1, branch=0)]


def test_a_changed_personal_part_is_named(session):
    detail = EventDetail.objects.order_by("pk").first()
    EventDetail.objects.filter(pk=detail.pk).update(address="203.0.113.9")

    assert found() == [Finding(Fault.DETAIL_CHANGED, event=detail.pk)]


def test_what_a_failover_lost_is_not_called_deleted():
    session = log_in()
    session.refresh()
    before = TokenFamily.objects.filter(pk=session.family_id).values().get()
    newest = TokenEvent.objects.order_by("pk").last().pk
    session.refresh()
    session.refresh()
    TokenFamily.objects.filter(pk=session.family_id).update(**before)
    TokenEvent.objects.filter(pk__gt=newest).delete()

    session.refresh()

    assert TokenEvent.objects.filter(kind=EventKind.DATABASE_BEHIND).exists()
    assert found() == []


def test_pages_meet_without_a_gap(monkeypatch):
    monkeypatch.setattr(verification, "PAGE", 2)
    for _ in range(3):
        log_in().refresh()
    last = TokenEvent.objects.order_by("pk").last()
    TokenEvent.objects.filter(pk=last.pk).update(cause="x")

    assert found() == [Finding(Fault.CHANGED, event=last.pk)]


def test_an_erased_person_is_named_nowhere_and_the_trail_verifies(session):
    other = log_in(UserFactory(username="bob"))
    key = users.key_of(session.user)

    assert erasure.erase(key) > 0

    kept = EventDetail.objects.values_list("event__user_key", flat=True)
    assert set(kept) == {users.key_of(other.user)}
    assert not Device.objects.filter(user_key=key).exclude(name="").exists()
    assert found() == []
    assert session.refresh()


def test_the_command_names_faults_and_fails(session, capsys):
    call_command("tokenauth_audit", "verify")
    assert "holds" in capsys.readouterr().out
    TokenEvent.objects.of_family(session.family_id).filter(generation=1).delete()

    with pytest.raises(CommandError, match="1 fault"):
        call_command("tokenauth_audit", "verify")

    assert f"session {session.family_id} generation 1 branch 0: missing" in capsys.readouterr().out


def test_the_command_erases_by_name_and_one_who_is_gone_by_key(session, capsys):
    key = users.key_of(session.user)

    call_command("tokenauth_audit", "erase", "--user", "ada")
    assert not EventDetail.objects.filter(event__user_key=key).exists()

    session.user.delete()
    call_command("tokenauth_audit", "erase", "--key", key)
    with pytest.raises(CommandError, match="--key"):
        call_command("tokenauth_audit", "erase", "--user", "ada")
