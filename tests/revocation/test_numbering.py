"""Numbers after commit: contiguous, in order, whoever comes first."""

import threading

import pytest
from django.db import connection, connections
from django.utils import timezone

from tokenauth.models import Plane, RevocationOrder
from tokenauth.models.order import OrderKind
from tokenauth.revocation import numbering, orders

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def plane():
    Plane.objects.ensure()


def unnumbered(count: int) -> None:
    RevocationOrder.objects.bulk_create(
        [RevocationOrder(kind=OrderKind.USER, key=str(n), at=timezone.now()) for n in range(count)]
    )


def test_numbers_are_contiguous_and_follow_the_ids():
    unnumbered(1_203)

    numbering.number_visible(connection)

    numbers = list(RevocationOrder.objects.order_by("id").values_list("number", flat=True))
    assert numbers == list(range(1, 1_204))
    assert Plane.objects.get().n == 1_203


def test_an_order_lives_as_long_as_the_last_token_it_can_concern(clock):
    Plane.objects.update(longest_access=900)
    unnumbered(1)

    numbering.number_visible(connection)

    order = RevocationOrder.objects.get()
    assert order.until is not None
    assert (order.until - timezone.now()).total_seconds() == 900 + 10 + 60


def test_many_writers_leave_no_gap_and_no_double():
    failures = []

    def write() -> None:
        try:
            for n in range(10):
                orders.record(OrderKind.USER, key=str(n), at=timezone.now())
        except Exception as failure:
            failures.append(failure)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=write) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    numbering.number_visible(connection)

    assert not failures
    numbers = sorted(RevocationOrder.objects.values_list("number", flat=True))
    assert numbers == list(range(1, 61))


def test_a_number_once_given_never_changes():
    unnumbered(3)
    numbering.number_visible(connection)
    before = list(RevocationOrder.objects.order_by("id").values_list("id", "number", "until"))

    unnumbered(2)
    numbering.number_visible(connection)

    assert list(RevocationOrder.objects.order_by("id").values_list("id", "number", "until"))[:3] == before
