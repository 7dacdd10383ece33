"""200,000 families: everything that asks for one of them finds it through an index."""

from collections.abc import Callable, Iterator

import pytest
from django.db import connection
from django.utils import timezone

from tests.factories import ClientFactory
from tests.models.conftest import sent
from tests.sessions import log_in
from tokenauth.api.views.devices import _own as own_devices
from tokenauth.flows.sessions import standing
from tokenauth.models import Client, Plane, TokenFamily, users
from tokenauth.models.order import OrderKind
from tokenauth.revocation import orders, source

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

FAMILIES = 200_000
#: Each user has so many; every tenth family has ended, every hundredth is past its absolute end.
EACH = 10

_DEVICES = f"""
INSERT INTO tokenauth_device (id, user_key, client_id, installation, name, platform, epoch, created_at)
SELECT gen_random_uuid(), (n / {EACH} + 1000000)::text, %(client)s, 'crowd-' || n, '', '', 0, now()
FROM generate_series(1, {FAMILIES}) n
"""

#: Where the rows differ from the one that they are copied from; the rest is that one's.
_DIFFERENT = {
    "id": "gen_random_uuid()",
    "user_key": "d.user_key",
    "device_id": "d.id",
    "live_device": "CASE WHEN d.n % 10 = 0 THEN NULL ELSE d.id END",
    "revoked_at": "CASE WHEN d.n % 10 = 0 THEN now() END",
    "cause": "CASE WHEN d.n % 10 = 0 THEN 'logged_out' ELSE '' END",
    "created_at": "f.created_at - d.n * interval '1 second'",
    "absolute_expires_at": "CASE WHEN d.n % 100 = 0 THEN now() ELSE f.absolute_expires_at END "
    "- d.n * interval '1 second'",
    "refresh_expires_at": "now() - interval '1 year'",
    "access_expires_at": "now() - interval '1 year'",
}


def _families() -> str:
    names = [str(field.column) for field in TokenFamily._meta.concrete_fields]
    values = ", ".join(_DIFFERENT.get(name, f"f.{name}") for name in names)
    return (
        f"INSERT INTO tokenauth_tokenfamily ({', '.join(names)}) SELECT {values} "
        "FROM tokenauth_tokenfamily f, (SELECT *, row_number() OVER () AS n FROM tokenauth_device "
        "WHERE starts_with(installation, 'crowd-')) d WHERE f.client_id = d.client_id"
    )


@pytest.fixture
def crowd() -> Iterator[Client]:
    connection.close()
    session = log_in(client=ClientFactory(client_id="crowd"))
    with connection.cursor() as cursor:
        cursor.execute(_DEVICES, {"client": session.client.pk})
        cursor.execute(_families())
        cursor.execute("ANALYZE tokenauth_tokenfamily, tokenauth_device")
    yield session.client
    connection.close()


def plans_of(deed: Callable[[], object]) -> list[str]:
    """How PostgreSQL runs each statement that a deed sends and that touches a big table."""
    with sent() as statements:
        deed()
    plans = []
    with connection.cursor() as cursor:
        cursor.execute("SET plan_cache_mode = force_generic_plan")
        for sql in statements:
            if sql.startswith(("EXECUTE", "SELECT", "UPDATE", "DELETE")) and "tokenauth_" in sql:
                cursor.execute(f"EXPLAIN {sql}")
                plans.append("\n".join(line for (line,) in cursor.fetchall()))
        cursor.execute("RESET plan_cache_mode")
    return [plan for plan in plans if "tokenauth_tokenfamily" in plan or "tokenauth_device" in plan]


def assert_found_by_index(plans: list[str]) -> None:
    assert plans
    for plan in plans:
        print(plan, end="\n\n")
        assert "Seq Scan on tokenauth_tokenfamily" not in plan
        assert "Seq Scan on tokenauth_device" not in plan


def test_everything_that_asks_for_a_family_finds_it_by_an_index(crowd, clock, settings):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "FAMILIES_PER_USER": 3}
    assert TokenFamily.objects.count() == FAMILIES + 1
    one_of_many = TokenFamily.objects.filter(user_key__startswith="10").exclude(live_device=None).first()
    robbed = log_in(client=crowd)
    robbed.refresh()
    robbed.refresh()
    session = log_in(client=crowd, device="phone-1")
    for number in (2, 3):
        log_in(session.user, crowd, device=f"phone-{number}")

    deeds = {
        "refresh": session.refresh,
        "theft": lambda: robbed.show(robbed.history[0].refresh_token),
        "the session list": lambda: list(standing(one_of_many.user_key)[:50]),
        "the number of sessions": lambda: standing(one_of_many.user_key).count(),
        "the device list": lambda: list(own_devices(one_of_many.user_key)[:50]),
        "a login that replaces": lambda: log_in(session.user, crowd, device="phone-2"),
        "a login beyond the cap": lambda: log_in(session.user, crowd, device="phone-4"),
        "the purge": lambda: list(TokenFamily.objects.expired(at=timezone.now())[:1_000]),
    }
    for name, deed in deeds.items():
        print(f"--- {name}")
        assert_found_by_index(plans_of(deed))

    ends = TokenFamily.objects.filter(user_key__in=map(users.key_of, [robbed.user, session.user]))
    assert set(ends.values_list("cause", flat=True)) == {"", "reuse", "replaced", "capped"}


@pytest.mark.parametrize("waiting", [0, 3])
def test_the_poll_of_a_mirror_reads_what_is_new_and_no_more(clock, waiting):
    Plane.objects.ensure()
    Plane.objects.update(n=FAMILIES)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO tokenauth_revocationorder (number, kind, key, floor, until, at, cause, actor) "
            "SELECT n, 6, gen_random_uuid()::text, 0, now(), now(), '', '' "
            f"FROM generate_series(1, {FAMILIES}) n"
        )
        cursor.execute("ANALYZE tokenauth_revocationorder")
    for _ in range(waiting):
        orders.order(OrderKind.JTI, key="new", at=timezone.now()).save()

    with sent() as statements:
        answer = source.ask(connection, after=FAMILIES - 2)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statements[0]}")
        plan = cursor.fetchone()[0][0]["Plan"]

    assert (len(answer.numbered), len(answer.unnumbered)) == (2, waiting)
    assert "Seq Scan" not in {node["Node Type"] for node in nodes(plan) if reads_orders(node)}
    assert (
        sum(node["Rows Removed by Filter"] for node in nodes(plan) if "Rows Removed by Filter" in node) == 0
    )


def nodes(plan: dict) -> Iterator[dict]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def reads_orders(node: dict) -> bool:
    return node.get("Relation Name") == "tokenauth_revocationorder"
