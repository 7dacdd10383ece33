"""What a site hears of, and when: after the commit, never of what was rolled back."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import transaction

from tests.factories import ClientFactory, UserFactory
from tests.sessions import BACKEND, known, log_in
from tokenauth import signals
from tokenauth.errors import Cause, Refused
from tokenauth.flows import LoginAsked, issue, revoke, revoke_others
from tokenauth.models import users
from tokenauth.revocation.subjects import OfFamily, OfUser

pytestmark = pytest.mark.django_db(transaction=True)

ALL = ("session_started", "session_ended", "reuse_detected", "account_revoked")


@pytest.fixture
def heard():
    """The signals that were sent, in order, with their facts."""
    heard: list[tuple[str, dict[str, Any]]] = []
    receivers = {}
    for name in ALL:

        def hear(name=name, **facts: Any) -> None:
            assert not transaction.get_connection().in_atomic_block
            heard.append((name, {key: facts[key] for key in facts.keys() - {"signal", "sender"}}))

        receivers[name] = hear
        getattr(signals, name).connect(hear)
    yield heard
    for name, receiver in receivers.items():
        getattr(signals, name).disconnect(receiver)


def test_a_login_starts_a_session(heard):
    session = log_in(device="phone")

    family = session.family
    assert heard == [
        (
            "session_started",
            {
                "family_id": family.pk,
                "user_key": family.user_key,
                "client_id": session.client.client_id,
                "device_id": family.device_id,
                "impersonator": "",
            },
        )
    ]


def test_a_session_in_anothers_name_says_who_acts(heard):
    user, support, client = UserFactory(), UserFactory(), ClientFactory()
    asked = LoginAsked(client=known(client), impersonator=users.key_of(support))

    issue(user, asked=asked, backend=BACKEND)

    name, facts = heard[0]
    whose = (facts["user_key"], facts["impersonator"])
    assert (name, whose) == ("session_started", (users.key_of(user), users.key_of(support)))


def test_a_replaced_session_ends_before_its_successor_starts(heard):
    session = log_in(device="phone")
    log_in(session.user, session.client, device="phone")

    assert [name for name, _ in heard] == ["session_started", "session_ended", "session_started"]
    assert heard[1][1]["cause"] == Cause.REPLACED


def test_theft_is_told_and_what_is_shown_afterwards_is_not(heard):
    session = log_in()
    stolen = session.pair.refresh_token
    session.refresh()
    session.refresh()
    heard.clear()

    assert isinstance(session.show(stolen), Refused)
    assert isinstance(session.show(stolen), Refused)

    whose = {"family_id": session.family_id, "user_key": users.key_of(session.user)}
    assert heard == [
        ("reuse_detected", {**whose, "client_id": session.client.client_id}),
        ("session_ended", {**whose, "cause": Cause.REUSE}),
    ]


def test_a_session_that_is_revoked_ends_once(heard):
    session = log_in()
    heard.clear()

    revoke(OfFamily(session.family_id))
    revoke(OfFamily(session.family_id))

    assert [name for name, _ in heard] == ["session_ended"]


def test_an_account_is_told_once_however_many_sessions_it_has(heard):
    session = log_in()
    log_in(session.user)
    heard.clear()
    key = users.key_of(session.user)

    revoke(OfUser(key), actor="operator")
    own = log_in(session.user)
    revoke_others(user_key=key, but_family=own.family_id)

    told = [facts for name, facts in heard if name == "account_revoked"]
    assert [(facts["actor"], facts["kept"]) for facts in told] == [("operator", None), ("", own.family_id)]


@pytest.mark.parametrize("mode", ["signals", "triggers"])
def test_a_new_password_revokes_the_account_once(heard, mode, request):
    if mode == "triggers":
        request.getfixturevalue("triggers")
    session = log_in()
    heard.clear()

    with transaction.atomic():
        user = get_user_model().objects.get(pk=session.user.pk)
        user.set_password("another one")
        user.save()

    assert [(name, facts["cause"]) for name, facts in heard] == [("account_revoked", Cause.ACCOUNT_CHANGED)]


def test_nothing_is_told_of_what_was_rolled_back(heard):
    session = log_in()
    heard.clear()

    with transaction.atomic():
        revoke(OfUser(users.key_of(session.user)))
        revoke(OfFamily(session.family_id))
        transaction.set_rollback(True)

    assert heard == []


def test_a_receiver_that_fails_changes_nothing(caplog):
    def fails(**facts: Any) -> None:
        raise RuntimeError("a site's mistake")

    signals.session_started.connect(fails)
    try:
        assert log_in().accepts()
    finally:
        signals.session_started.disconnect(fails)

    assert "a site's mistake" in caplog.text
