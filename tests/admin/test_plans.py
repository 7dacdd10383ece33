"""1 of 200,000 rows or a page of them: lists, searches and pages of the admin read big tables by an index."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.factories import ClientFactory
from tests.models import test_plans
from tests.sessions import log_in
from tokenauth.models import (
    AccountState,
    Device,
    EventDetail,
    RevocationOrder,
    TokenEvent,
    TokenFamily,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True),
]

ROWS = test_plans.FAMILIES
#: Rows: a bounded count looks at about a thousand.
MOST_SCANNED = 5_000
BIG = ("tokenfamily", "device", "tokenevent", "eventdetail", "revocationorder", "accountstate")

_EVENTS = f"""
INSERT INTO tokenauth_tokenevent (at, kind, family, user_key, client_id, cause, actor, mac)
SELECT now() - ({ROWS} - n) * interval '1 second', CASE WHEN n % 10 = 0 THEN 1 + n / 10 % 19 ELSE 2 END,
    gen_random_uuid(), (n / 10 + 1000000)::text, CASE WHEN n % 10 = 0 THEN 'crowd' ELSE 'busy' END, '',
    CASE WHEN n % 70 = 0 THEN 'admin:1' ELSE '' END, '' FROM generate_series(1, {ROWS}) n;
INSERT INTO tokenauth_eventdetail (event_id, salt, address, agent, name)
SELECT id, '', ('10.0.' || id % 200 || '.' || id % 250)::inet, '', '' FROM tokenauth_tokenevent
ON CONFLICT DO NOTHING;
INSERT INTO tokenauth_revocationorder (number, kind, key, floor, until, at, cause, actor)
SELECT n + 100, CASE WHEN n % 10 = 0 THEN 1 + n / 10 % 8 ELSE 9 END, gen_random_uuid()::text, 0, now(),
    now() - ({ROWS} - n) * interval '1 second', '', CASE WHEN n % 70 = 0 THEN 'admin:1' ELSE '' END
FROM generate_series(1, {ROWS}) n;
INSERT INTO tokenauth_accountstate (user_key, epoch) SELECT n::text, 1
FROM generate_series(1000000, 1000000 + {ROWS}) n;
ANALYZE;
"""


@pytest.fixture
def crowd() -> Iterator[object]:
    connection.close()
    session = log_in(client=ClientFactory(client_id="crowd"))
    with connection.cursor() as cursor:
        cursor.execute(test_plans._DEVICES, {"client": session.client.pk})
        cursor.execute(test_plans._families())
        cursor.execute(_EVENTS)
    yield session
    connection.close()


def greedy_queries_of(sent: CaptureQueriesContext) -> list[str]:
    """The queries that read more rows of a big table, one after the other, than a page can need."""
    found = []
    with connection.cursor() as cursor:
        for query in sent.captured_queries:
            if query["sql"].startswith("SELECT") and "tokenauth_" in query["sql"]:
                cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {query['sql']}")
                read = rows_scanned(_plan(cursor.fetchone()[0]))
                if read > MOST_SCANNED:
                    found.append(f"{read} rows: {query['sql']}")
    return found


def _plan(answer: Any) -> dict[str, Any]:
    decoded = json.loads(answer) if isinstance(answer, str) else answer
    return dict(decoded[0]["Plan"])


def rows_scanned(plan: dict[str, Any]) -> float:
    """Rows that were read in no order: a scan under a limit stops by itself, and counts as far as it went."""
    below = sum(rows_scanned(part) for part in plan.get("Plans", ()))
    table = plan.get("Relation Name", "").removeprefix("tokenauth_")
    if "Seq Scan" not in plan["Node Type"] or table not in BIG:
        return below
    return below + plan["Actual Loops"] * (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0))


def test_lists_searches_and_pages_read_by_an_index(crowd, admin_client):
    family = TokenFamily.objects.filter(user_key__startswith="10").first()
    texts = [
        str(family.pk),
        str(family.device_id),
        family.user_key,
        "10.0.7.7",
        "crowd",
        "busy",
        "admin:1",
        "203.0.113.7",
        crowd.user.get_username(),
        f"{crowd.user.get_username()}@example.test",
        "nobody at all",
    ]
    queries = [{}, {"p": "5"}, {"p": "20"}, *({"q": text} for text in texts)]
    filters = {
        TokenFamily: [
            {"within": "hour"},
            {"within": "week"},
            {"client__id__exact": crowd.client.pk},
            {"user_key__exact": family.user_key},
        ],
        Device: [
            {"within": "hour"},
            {"client__id__exact": crowd.client.pk},
            {"user_key__exact": family.user_key},
        ],
        TokenEvent: [
            {"within": "hour"},
            {"kind": "5"},
            {"kind": "15"},
            {"kind": "2"},
            {"kind": "15", "within": "hour"},
            {"kind": "15", "q": "admin:1"},
        ],
        EventDetail: [],
        RevocationOrder: [{"within": "hour"}, {"kind": "1"}, {"kind": "9"}, {"kind": "1", "within": "hour"}],
        AccountState: [],
    }
    bad = []
    for model, asked in filters.items():
        name = f"admin:tokenauth_{model._meta.model_name}"
        pages = [(reverse(f"{name}_changelist"), query) for query in queries + asked]
        pages.append((reverse(f"{name}_change", args=[model.objects.order_by("-pk")[9].pk]), {}))
        for url, query in pages:
            with CaptureQueriesContext(connection) as sent:
                assert admin_client.get(url, query).status_code == 200
            bad += [f"--- {url} {query}\n{plan}" for plan in greedy_queries_of(sent)]

    assert not bad, "\n\n".join(bad)


@pytest.mark.parametrize("action", ["revoke_sessions", "revoke_users"])
def test_the_page_before_a_revocation_counts_by_an_index(crowd, admin_client, action):
    families = TokenFamily.objects.order_by("-pk")[:50]
    form = {"action": action, "_selected_action": [str(family.pk) for family in families]}

    with CaptureQueriesContext(connection) as sent:
        answer = admin_client.post(reverse("admin:tokenauth_tokenfamily_changelist"), form)

    assert answer.status_code == 200
    assert greedy_queries_of(sent) == []


def test_a_users_page_and_the_page_before_his_revocation_read_by_an_index(crowd, admin_client):
    for page in ("change", "tokenauth_revoke"):
        with CaptureQueriesContext(connection) as sent:
            answer = admin_client.get(reverse(f"admin:auth_user_{page}", args=[crowd.user.pk]))

        assert answer.status_code == 200
        assert greedy_queries_of(sent) == []


def test_a_client_that_is_long_out_of_use_is_found_by_an_index(crowd, admin_client):
    # its sessions are the oldest of all: a walk from the newest would meet everybody else's first
    retired = ClientFactory(client_id="retired")
    oldest = TokenFamily.objects.order_by("pk").values_list("pk", flat=True)[:2_000]
    TokenFamily.objects.filter(pk__in=list(oldest)).update(client=retired)

    for query in ({"client__id__exact": retired.pk}, {"q": "retired"}):
        with CaptureQueriesContext(connection) as sent:
            answer = admin_client.get(reverse("admin:tokenauth_tokenfamily_changelist"), query)
        assert answer.context["cl"].result_count == 1_000
        assert rows_walked(sent) < MOST_SCANNED


def rows_walked(sent: CaptureQueriesContext) -> float:
    """The most rows that one of these queries met in a big table and did not want."""
    most = 0.0
    with connection.cursor() as cursor:
        for query in sent.captured_queries:
            if query["sql"].startswith("SELECT") and "tokenauth_tokenfamily" in query["sql"]:
                cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {query['sql']}")
                nodes = test_plans.nodes(_plan(cursor.fetchone()[0]))
                most = max(most, *(node.get("Rows Removed by Filter", 0) for node in nodes))
    return most


#: What is asked for of what is rare, and the index that holds it and no rotation.
RARE = [
    (TokenEvent, {"kind": 15}, "tokenauth_event_kind"),
    (TokenEvent, {"client_id": "crowd"}, "tokenauth_event_client"),
    (TokenEvent, {"device": uuid.UUID(int=7)}, "tokenauth_event_device"),
    (TokenEvent, {"actor": "admin:1"}, "tokenauth_event_actor"),
    (RevocationOrder, {"kind": 1}, "tokenauth_order_kind"),
    (RevocationOrder, {"key": "7"}, "tokenauth_order_key"),
    (RevocationOrder, {"actor": "admin:1"}, "tokenauth_order_actor"),
]


def test_what_is_rare_is_found_by_an_index_of_its_own(crowd):
    found = {}
    for model, asked, name in RARE:
        rows = model.objects.told().filter(**asked).order_by("-pk")[:1_000]
        plan = _plan(rows.explain(format="json"))
        found[name] = {node["Index Name"] for node in test_plans.nodes(plan) if "Index Name" in node}

    assert found == {name: {name} for _model, _asked, name in RARE}
