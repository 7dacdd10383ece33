"""One's own password change keeps one's own session and ends all others (field case F07)."""

import gc
from types import SimpleNamespace

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from tests.factories import ClientFactory, UserFactory
from tests.sessions import Session, claims_of, log_in
from tokenauth.audit import mac
from tokenauth.errors import Cause, NotAsContextManager, Refused, SessionEnded
from tokenauth.flows import keep, revoke
from tokenauth.models import TokenEvent, users
from tokenauth.models.event import EventKind
from tokenauth.revocation.subjects import OfFamily

pytestmark = pytest.mark.django_db(transaction=True)


def request_of(session: Session) -> SimpleNamespace:
    return SimpleNamespace(auth=claims_of(session.pair.access_token), user=session.user)


def save_password(user: AbstractBaseUser, password: str, *, then_divide_by: int = 1) -> float:
    user.set_password(password)
    user.save()
    return 1 / then_divide_by


def forget(kept: keep) -> None:
    del kept
    gc.collect()


def change_password(session: Session) -> keep:
    user = get_user_model().objects.get(pk=session.user.pk)
    with keep(request_of(session), user) as kept:
        user.set_password("another one")
        user.save()
    return kept


@pytest.mark.parametrize("atomic", [False, True], ids=["autocommit", "ATOMIC_REQUESTS"])
def test_the_kept_session_goes_on_and_all_others_end(atomic):
    user, client = UserFactory(), ClientFactory()
    own, other = log_in(user, client), log_in(user, client)

    if atomic:
        with transaction.atomic():
            kept = change_password(own)
    else:
        kept = change_password(own)

    older = own.pair
    assert kept.pair is not None
    own.pair = kept.pair
    assert own.accepts()
    assert not own.accepts(older.access_token)
    assert own.refresh()
    assert not other.accepts()
    assert isinstance(other.show(other.pair.refresh_token), Refused)


def test_the_older_tokens_of_the_kept_session_are_no_theft():
    session = log_in()
    kept = change_password(session)

    outcome = session.show(session.pair.refresh_token)

    assert outcome == Refused(Cause.JTI, session.family_id)
    assert kept.pair is not None
    assert session.show(kept.pair.refresh_token).pair
    assert not TokenEvent.objects.filter(kind=EventKind.REUSE).exists()


def test_a_change_that_fails_changes_nothing():
    session = log_in()
    user = get_user_model().objects.get(pk=session.user.pk)

    with pytest.raises(ZeroDivisionError), keep(request_of(session), user):
        save_password(user, "another one", then_divide_by=0)

    assert not get_user_model().objects.get(pk=user.pk).check_password("another one")
    assert session.refresh()


def test_a_revoked_session_changes_no_password():
    session = log_in()
    request = request_of(session)
    revoke(OfFamily(session.family_id))
    user = get_user_model().objects.get(pk=session.user.pk)

    with pytest.raises(SessionEnded), keep(request, user):
        save_password(user, "the thief's")

    assert not get_user_model().objects.get(pk=user.pk).check_password("the thief's")


def test_another_users_session_cannot_be_kept():
    thief, victim = log_in(), UserFactory()

    with pytest.raises(SessionEnded), keep(request_of(thief), victim):
        pass


def test_without_a_token_of_ours_nothing_is_kept():
    session = log_in()

    with keep(SimpleNamespace(auth=None), session.user) as kept:
        session.user.set_password("another one")
        session.user.save()

    assert kept.pair is None
    assert not session.accepts()


def test_without_with_it_is_an_error():
    session = log_in()

    with pytest.raises(NotAsContextManager):
        keep(request_of(session), session.user).pair  # noqa: B018
    with pytest.warns(RuntimeWarning, match="without 'with'"):
        forget(keep(request_of(session), session.user))


def test_an_operators_reset_ends_everything():
    session = log_in()
    user = get_user_model().objects.get(pk=session.user.pk)
    user.set_password("reset")

    user.save()

    assert not session.accepts()
    assert session.show(session.pair.refresh_token) == Refused(Cause.ACCOUNT_CHANGED, session.family_id)


def test_it_is_in_the_trail_once():
    session = log_in()

    change_password(session)

    event = TokenEvent.objects.get(kind=EventKind.KEPT)
    assert (event.generation, event.branch, event.user_key) == (1, 0, users.key_of(session.user))
    assert mac.holds(event)


@pytest.mark.parametrize("gone", ["deactivated", "deleted"])
def test_a_change_that_takes_the_account_away_keeps_nothing(gone):
    session = log_in()
    user = get_user_model().objects.get(pk=session.user.pk)

    with keep(request_of(session), user) as kept:
        if gone == "deleted":
            user.delete()
        else:
            user.is_active = False
            user.save()

    assert kept.pair is None
    assert not session.accepts()
