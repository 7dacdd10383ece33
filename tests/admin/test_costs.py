"""A list costs the same queries however many rows there are, and counts no further than it says."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from tests.factories import ClientFactory, secret_of
from tests.sessions import log_in
from tokenauth.admin import lists
from tokenauth.flows import revoke
from tokenauth.models import (
    AccountState,
    Client,
    ClientSecret,
    Device,
    EventDetail,
    KeyRecord,
    RevocationOrder,
    TokenEvent,
    TokenFamily,
    users,
)
from tokenauth.models.event import EventKind
from tokenauth.models.key import KeyPurpose, KeyState
from tokenauth.revocation.subjects import OfUser

pytestmark = pytest.mark.django_db

LISTS = [
    AccountState,
    Client,
    ClientSecret,
    Device,
    EventDetail,
    KeyRecord,
    RevocationOrder,
    TokenEvent,
    TokenFamily,
]


def url(model):
    return reverse(f"admin:tokenauth_{model._meta.model_name}_changelist")


def rows(first, last):
    """So many rows of everything, each of a client, a user and a device of its own."""
    for number in range(first, last):
        client = ClientFactory()
        secret_of(client)
        session = log_in(client=client, device=f"device-{number}")
        revoke(OfUser(users.key_of(session.user)), reason="test", actor="test")
        event = TokenEvent.objects.filter(family=session.family_id).latest("id")
        EventDetail.objects.get_or_create(event=event, defaults={"address": "192.0.2.1", "salt": b"s" * 16})
        KeyRecord.objects.create(
            kid=f"old-{number}",
            purpose=KeyPurpose.ACCESS,
            alg="EdDSA",
            state=KeyState.RETIRED,
            envelope=b"",
            created_at=timezone.now(),
        )


def test_every_list_costs_the_same_with_3_rows_and_with_30(admin_client):
    costs = {}
    for first, last in ((0, 3), (3, 30)):
        rows(first, last)
        for model in LISTS:
            for query in ({}, {"q": "user"}):
                admin_client.get(url(model), query)  # what Django caches in the process
                with CaptureQueriesContext(connection) as sent:
                    answer = admin_client.get(url(model), query)
                shown = len(answer.context["cl"].result_list)
                costs.setdefault((model.__name__, *query), []).append((len(sent), shown))

    assert all(three[0] == thirty[0] for three, thirty in costs.values()), costs
    assert all(costs[(model.__name__,)][1][1] >= 30 for model in LISTS), costs


def test_a_count_stops_and_says_so(admin_client, monkeypatch):
    monkeypatch.setattr(lists.bounded_count, "__defaults__", (3,))
    for number in range(5):
        ClientFactory(client_id=f"c{number}")

    answer = admin_client.get(url(Client))

    assert answer.context["cl"].result_count == 3
    assert "3 or more" in answer.content.decode()


def test_no_page_lies_beyond_what_is_counted(admin_client):
    assert admin_client.get(url(TokenFamily), {"p": "100000"}, follow=True).status_code == 200


@pytest.mark.parametrize("model", [TokenFamily, Device, TokenEvent, RevocationOrder])
@pytest.mark.parametrize("period", ["hour", "day", "week"])
def test_a_list_narrows_to_a_period(admin_client, model, period):
    rows(0, 1)

    def shown(within):
        return admin_client.get(url(model), {"within": within}).context["cl"].result_count

    assert shown(period) == shown("for ever") >= 1


def test_a_period_begins_at_an_id():
    moment = datetime(2026, 1, 1, tzinfo=UTC)

    before, at = lists.first_id(moment - timedelta(seconds=1)), lists.first_id(moment)

    assert before < at
    assert (at.version, at.int >> 80) == (7, int(moment.timestamp() * 1000))


@pytest.mark.parametrize("gap", [(0, 0), (100, 250), (0, 150), (150, 299)], ids=str)
@pytest.mark.parametrize("minutes", [0, 7, 149, 299, 400])
def test_a_period_begins_at_a_number_whatever_is_missing(monkeypatch, gap, minutes):
    monkeypatch.setattr(lists, "PROBES", 7)
    now = timezone.now()
    events = [
        TokenEvent(at=now - timedelta(minutes=300 - number), kind=EventKind.ROTATED, mac=b"")
        for number in range(300)
    ]
    made = TokenEvent.objects.bulk_create(events)
    TokenEvent.objects.filter(pk__in=[event.pk for event in made[slice(*gap)]]).delete()
    began = now - timedelta(minutes=minutes)

    with CaptureQueriesContext(connection) as sent:
        found = set(lists.since(TokenEvent.objects.all(), began))

    assert found == set(TokenEvent.objects.filter(at__gte=began))
    assert len(sent) <= 7


@pytest.mark.parametrize("kind", ["9", "9999", "x", "-1", "9" * 400])
def test_a_kind_is_chosen_from_those_there_are(admin_client, kind):
    rows(0, 1)

    answer = admin_client.get(url(TokenEvent), {"kind": kind})

    kinds = {event.kind for event in answer.context["cl"].result_list}
    assert kinds == {9} if kind == "9" else len(kinds) > 1


@pytest.mark.parametrize("lookup", ["secret__startswith", "attempt", "scope__icontains", "client__name"])
def test_a_url_asks_for_no_column_that_no_filter_offers(admin_client, lookup):
    assert admin_client.get(url(TokenFamily), {lookup: "a"}).status_code == 400
