"""Waiting until every process has applied a revocation."""

import pytest

from tests.fleet import fleet, stopped  # noqa: F401 - a fixture
from tests.live import PROCESSES
from tokenauth.flows import revoke
from tokenauth.models import MirrorProcess, RevocationOrder
from tokenauth.revocation.subjects import OfUser

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.slow
def test_all_of_a_fleet_refuse_and_say_so(fleet):  # noqa: F811
    revoked = revoke(OfUser("somebody"), wait=10)

    assert revoked.applied is not None
    assert (revoked.applied.by, revoked.applied.of, revoked.applied.missing) == (PROCESSES, PROCESSES, ())
    number = RevocationOrder.objects.get(pk=revoked.order_id).number
    assert {row.number for row in MirrorProcess.objects.all()} == {number}
