"""The feed for resource servers elsewhere: none lost, nothing told beyond digests, new after a restore."""

import logging
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from tests.factories import ClientFactory
from tests.sessions import known, log_in
from tokenauth.errors import Cause, Refused
from tokenauth.flows import feed, revoke
from tokenauth.flows.feed import Page
from tokenauth.flows.feed.cursor import Cursor
from tokenauth.models import Plane, RevocationOrder, users
from tokenauth.models.key import KeyPurpose, KeyRecord
from tokenauth.models.order import OrderKind
from tokenauth.revocation import clock, numbering, source
from tokenauth.revocation.digests import digest, server_key
from tokenauth.revocation.mirror import Kind
from tokenauth.revocation.subjects import OfFamily, OfUser
from tokenauth.tokens.encoding import from_base64url
from tokenauth.tokens.keyring import KEYRING

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def orders_api(db: None) -> Any:
    Plane.objects.ensure()
    return ClientFactory(client_id="orders-api", resource=True, audiences=["https://orders.test"])


def told(caller: Any, after: str | None = None) -> Page:
    page = feed.page(known(caller), after=after)
    assert isinstance(page, Page)
    return page


def an_order(key: str = "7", *, number: int | None = None, floor: int = 1) -> RevocationOrder:
    until = None if number is None else timezone.now() + timedelta(hours=1)
    return RevocationOrder.objects.create(
        kind=OrderKind.USER, key=key, floor=floor, at=timezone.now(), number=number, until=until
    )


def test_a_reader_without_a_cursor_is_told_all_that_is_in_force(orders_api):
    session = log_in()
    revoke(OfUser(users.key_of(session.user)))

    page = told(orders_api)

    key = server_key(KEYRING.active(KeyPurpose.PLANE).mac, "orders-api")
    members = page.members()
    assert (page.reset, page.more) == (True, False)
    assert from_base64url(members["key"].encode()) == key
    (order,) = members["orders"]
    assert order["digest"] == digest(key, Kind.USER, users.key_of(session.user))
    assert (order["kind"], order["floor"]) == (5, 1)
    assert order["until"] > timezone.now().timestamp()


def test_kind_digest_floor_and_end_and_nothing_else_is_told(orders_api):
    session = log_in()
    revoke(OfFamily(session.family_id), actor="ada")

    page = told(orders_api)

    assert [set(order) for order in page.orders] == [{"kind", "digest", "floor", "until"}]
    said = str(page.members())
    assert str(session.family_id) not in said
    assert "ada" not in said


def test_after_its_cursor_a_reader_is_told_only_what_is_new(orders_api):
    revoke(OfUser("1"))
    first = told(orders_api)
    revoke(OfUser("2"))

    second = told(orders_api, str(first.cursor))

    assert (second.reset, len(second.orders)) == (False, 1)
    assert "key" not in second.members()
    assert told(orders_api, str(second.cursor)).orders == ()


def test_an_order_without_a_number_is_told_until_it_has_one(orders_api):
    """A writer may die between its commit and the numbering."""
    first = told(orders_api)
    an_order()

    unnumbered = told(orders_api, str(first.cursor))
    again = told(orders_api, str(unnumbered.cursor))
    numbering.number_visible(connection)
    numbered = told(orders_api, str(again.cursor))

    assert [page.orders[0]["until"] for page in (unnumbered, again)] == [None, None]
    assert unnumbered.cursor == first.cursor
    (order,) = numbered.orders
    assert order["until"] is not None
    assert told(orders_api, str(numbered.cursor)).orders == ()


def test_an_order_that_commits_late_is_not_passed_by_the_cursor(orders_api):
    """Ids are drawn before the commit: the cursor counts numbers, which come after it."""
    early = an_order("early")
    late_id = early.pk
    early.delete()
    RevocationOrder.objects.create(kind=OrderKind.USER, key="2", floor=1, at=timezone.now())
    numbering.number_visible(connection)
    page = told(orders_api)

    RevocationOrder.objects.create(pk=late_id, kind=OrderKind.USER, key="1", floor=1, at=timezone.now())

    assert len(told(orders_api, str(page.cursor)).orders) == 1


def test_pages_are_bounded_and_join(orders_api, monkeypatch):
    monkeypatch.setattr(source, "PAGE", 2)
    for number in range(1, 6):
        an_order(str(number), number=number)
    Plane.objects.update(n=5)

    pages = [told(orders_api)]
    while pages[-1].more:
        pages.append(told(orders_api, str(pages[-1].cursor)))

    assert [len(page.orders) for page in pages] == [2, 2, 1]
    assert [page.reset for page in pages] == [True, False, False]
    assert len({order["digest"] for page in pages for order in page.orders}) == 5


def test_more_than_a_page_without_numbers_is_refused_until_they_are_numbered(orders_api, monkeypatch):
    monkeypatch.setattr(source, "PAGE", 2)
    told(orders_api)
    for key in ("1", "2", "3"):
        an_order(key)

    refused = feed.page(known(orders_api), after=None)

    assert isinstance(refused, Refused)
    assert (refused.cause, refused.retry_after) == (Cause.BUSY, 1)
    assert told(orders_api).more


@pytest.mark.parametrize("change", ["another plane", "numbers fell", "another order", "another key"])
def test_a_reader_of_another_history_starts_anew(orders_api, change, caplog):
    revoke(OfUser("1"))
    revoke(OfUser("2"))
    before = told(orders_api)
    last = RevocationOrder.objects.order_by("number").last()
    match change:
        case "another plane":
            Plane.objects.update(plane_id=uuid.uuid4())
        case "numbers fell":
            last.delete()
            Plane.objects.update(n=1)
        case "another order":
            last.delete()
            an_order("3", number=2)
        case "another key":
            KeyRecord.objects.filter(purpose=KeyPurpose.PLANE).delete()
            KEYRING.forget()

    with caplog.at_level(logging.INFO, logger="tokenauth.security"):
        page = told(orders_api, str(before.cursor))

    assert page.reset
    assert len(page.orders) == RevocationOrder.objects.count()
    assert "key" in page.members()
    assert "feed_starts_anew client=orders-api" in caplog.text


@pytest.mark.parametrize("text", ["", "x", "1.2.3", "2" * 9000, f"1.{'z' * 32}.0.-.k", "\x00"])
def test_an_unreadable_cursor_starts_anew(orders_api, text):
    assert told(orders_api, text).reset


def test_a_cursor_is_read_as_it_was_written():
    cursor = Cursor(uuid.uuid4(), 17, 4711, "abc-_DEF")

    assert Cursor.read(str(cursor)) == cursor
    assert Cursor.read(str(Cursor(uuid.uuid4(), 0, None, "k"))).order_id is None


def test_another_servers_digests_say_nothing_to_this_one(orders_api):
    other = ClientFactory(client_id="other-api", resource=True, audiences=["https://other.test"])
    revoke(OfUser("1"))

    ours, theirs = told(orders_api), told(other)

    assert ours.key != theirs.key
    assert ours.orders[0]["digest"] != theirs.orders[0]["digest"]
    assert digest(theirs.key, Kind.USER, "1") == theirs.orders[0]["digest"]


def test_the_moment_that_the_answer_speaks_of_is_before_the_question(orders_api, monkeypatch):
    moments = []
    real = source.ask
    monkeypatch.setattr(source, "ask", lambda *a, **k: moments.append(clock.now()) or real(*a, **k))

    page = told(orders_api)

    assert page.asked_at <= moments[-1]


def test_a_page_is_one_query(orders_api, django_assert_num_queries):
    cursor, caller = told(orders_api).cursor, known(orders_api)

    with django_assert_num_queries(1):
        feed.page(caller, after=str(cursor))


def test_the_rules_name_what_a_token_must_say_and_their_hash_follows(orders_api, settings):
    rules = feed.rules_for(known(orders_api), jwks_uri="https://issuer.test/jwks/")

    assert rules["issuer"] == "https://issuer.test"
    assert rules["audiences"] == ["https://orders.test"]
    assert (rules["mode"], rules["bound"]) == ("strict", 1.0)
    settings.TOKENAUTH = {**settings.TOKENAUTH, "MODE": "available"}
    changed = feed.rules_for(known(orders_api), jwks_uri="https://issuer.test/jwks/")
    assert feed.hash_of(changed) != feed.hash_of(rules)


def test_a_report_is_logged_and_kept_and_soon_after_only_summed_up(orders_api, clock, caplog):
    with caplog.at_level(logging.INFO, logger="tokenauth.security"):
        feed.note_report("orders-api", rules="r1", in_step=True, refused={Cause.AUDIENCE: 2})
        feed.note_report("orders-api", rules="r1", in_step=True, refused={Cause.AUDIENCE: 3})
        clock.shift(11)
        feed.note_report("orders-api", rules="r1", in_step=True, refused={Cause.EXPIRED: 1})

    lines = [line.getMessage() for line in caplog.records]
    assert [line.partition("refused=")[2] for line in lines] == ["audience:2", "audience:3,expired:1"]
    assert feed.last_reports("orders-api", "nobody")["orders-api"]["rules"] == "r1"


def test_a_server_that_gets_other_rules_is_logged_at_once(orders_api, clock, caplog):
    with caplog.at_level(logging.INFO, logger="tokenauth.security"):
        feed.note_report("orders-api", rules="r1", in_step=False)
        feed.note_report("orders-api", rules="r2", in_step=True)

    assert [("in_step=true" in line.getMessage()) for line in caplog.records] == [False, True]


def test_a_cache_that_is_away_keeps_no_server_from_its_answer(orders_api, monkeypatch, caplog):
    class Away:
        def set(self, *args: object) -> None:
            raise ConnectionError

    monkeypatch.setattr("tokenauth.flows.feed.reports.caches", {"default": Away()})

    feed.note_report("orders-api", rules="r1", in_step=True)

    assert "report_not_kept" in caplog.text
