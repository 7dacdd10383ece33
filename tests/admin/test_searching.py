"""What is typed into the one box is looked up by its shape, through indexes."""

import pytest
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.factories import ClientFactory, UserFactory
from tests.sessions import log_in
from tokenauth.admin import searching
from tokenauth.flows import revoke
from tokenauth.models import Client, Device, EventDetail, RevocationOrder, TokenEvent, TokenFamily, users
from tokenauth.models.event import EventKind
from tokenauth.revocation.subjects import OfDevice, OfUser

pytestmark = pytest.mark.django_db


@pytest.fixture
def session():
    log_in(UserFactory(username="bob", email="bob@elsewhere.test"), ClientFactory(client_id="app"))
    return log_in(UserFactory(username="ada", email="ada@example.test"), ClientFactory(client_id="web"))


def found(admin_client, model, sought):
    address = reverse(f"admin:tokenauth_{model._meta.model_name}_changelist")
    answer = admin_client.get(address, {"q": sought})
    assert answer.status_code == 200
    return list(answer.context["cl"].result_list)


def seen_from(session, address):
    event = TokenEvent.objects.filter(family=session.family_id).latest("id")
    EventDetail.objects.update_or_create(event=event, defaults={"address": address, "salt": b"s" * 16})


def spellings(session):
    family = session.family
    return {
        "session": str(family.pk),
        "session in capitals": str(family.pk).upper(),
        "session without dashes": family.pk.hex,
        "device": str(family.device_id),
        "client": "web",
        "user key": family.user_key,
        "name": "ada",
        "how a name begins": "ad",
        "e-mail": "ada@example.test",
        "spaces around": "  ada ",
    }


def test_a_session_is_found_by_every_shape(admin_client, session):
    missed = {
        shape: rows
        for shape, text in spellings(session).items()
        if (rows := found(admin_client, TokenFamily, text)) != [session.family]
    }

    assert missed == {}


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::7"])
def test_an_address_finds_what_was_done_from_it(admin_client, session, address):
    seen_from(session, address)
    event = TokenEvent.objects.filter(family=session.family_id).latest("id")

    assert found(admin_client, TokenEvent, address) == [event]
    assert [detail.event for detail in found(admin_client, EventDetail, address)] == [event]
    assert found(admin_client, TokenFamily, address) == [session.family]
    assert found(admin_client, TokenEvent, "198.51.100.1") == []


def test_a_device_is_found_by_its_id_its_client_and_its_user(admin_client, session):
    device = session.family.device

    for text in (str(device.pk), "web", "ada", users.key_of(session.user)):
        assert found(admin_client, Device, text) == [device]


def test_events_are_found_by_session_user_and_client(admin_client, session):
    for text in (str(session.family_id), "ada", "web"):
        assert {event.family for event in found(admin_client, TokenEvent, text)} == {session.family_id}


def test_events_are_found_by_device_and_by_who_did_it(admin_client, session):
    revoke(OfDevice(session.family.device_id), actor="admin:7")

    by_actor = found(admin_client, TokenEvent, "admin:7")
    by_device = found(admin_client, TokenEvent, str(session.family.device_id))

    assert [event.kind for event in by_actor] == [EventKind.REVOKED]
    assert [event.kind for event in by_device] == [EventKind.REVOKED, EventKind.ISSUED]


def test_the_personal_part_is_found_by_the_session_it_belongs_to(admin_client, session):
    seen_from(session, "192.0.2.7")

    assert [d.address for d in found(admin_client, EventDetail, str(session.family_id))] == ["192.0.2.7"]


def test_an_order_is_found_by_whom_it_revoked(admin_client, session):
    revoke(OfUser(users.key_of(session.user)), actor="carl")
    order = RevocationOrder.objects.get()

    assert (
        found(admin_client, RevocationOrder, "ada") == found(admin_client, RevocationOrder, "carl") == [order]
    )


def test_a_client_is_found_by_how_its_id_or_name_begins(admin_client, session):
    assert found(admin_client, Client, "we") == [session.client]
    assert found(admin_client, Client, "eb") == []


HOSTILE = [
    "'",
    '"',
    "' OR 1=1 --",
    "%",
    "_",
    "\\",
    "x" * 5_000,
    "9" * 250,
    "9" * 5_000,
    "-1",
    "1e999",
    "a\x00b",
    "\x01",
    "\ud800",
    "{" * 50,
    "::",
    "fe80::1%eth0",
    "1.2.3.4/24",
    "\u202eada",
    "٣",
    "@",
    "ada@",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("model", [TokenFamily, Device, Client, TokenEvent, EventDetail, RevocationOrder])
def test_an_ungainly_text_finds_nothing(admin_client, rf, session, model, text):
    # Django answers a NUL itself, and no URL carries a lone surrogate
    if "\x00" not in text and "\ud800" not in text:
        assert found(admin_client, model, text) == []
    narrowed, _distinct = admin.site._registry[model].get_search_results(
        rf.get("/"), model.objects.all(), text
    )
    assert list(narrowed) == []


def test_nothing_is_searched_for_by_a_part_in_the_middle(admin_client, session):
    seen_from(session, "192.0.2.7")
    for text in (*spellings(session).values(), "192.0.2.7"):
        for model in (TokenFamily, Device, TokenEvent, EventDetail, RevocationOrder):
            with CaptureQueriesContext(connection) as sent:
                found(admin_client, model, text)
            for query in sent:
                sql = query["sql"].upper()
                assert "LIKE '%" not in sql
                assert "UPPER(" not in sql


def test_a_name_stands_for_no_more_users_than_it_may(session, monkeypatch):
    for number in range(4):
        UserFactory(username=f"many{number}")
    monkeypatch.setattr(searching, "MOST_USERS", 3)

    assert len(searching.user_keys("many")) == 3
