"""Telling every process of orders that have just got their numbers: bounded, and never more than a hint."""

import os
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from tokenauth import conf
from tokenauth.models.order import Plane
from tokenauth.revocation.mirror import Order
from tokenauth.revocation.notifiers import alias, plane_keys, postgresql
from tokenauth.revocation.notifiers.breaker import Breaker
from tokenauth.revocation.notifiers.notifier import Notifier
from tokenauth.revocation.notifiers.redis_stream import RedisStream
from tokenauth.tokens.keyring import database

BREAKER: Final = Breaker("notifier")

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=BREAKER.after_fork)


def chosen() -> Notifier | None:
    """Return how news travels on this site; None where the poll alone brings it."""
    if conf.current().MIRROR == "each-check":  # nobody keeps anything that could be told
        return None
    if (used := alias.usable()) is not None:
        return RedisStream(used)
    if (direct := postgresql.direct_database()) is not None:
        return postgresql.Notify(direct)
    return None


def publish(orders: Sequence[Order], plane_id: UUID | None = None) -> None:
    """Tell every process of orders that were numbered and committed, lowest first. It raises nothing.

    Args:
        plane_id: Theirs; None where the caller does not know it: that costs one query.

    A request may wait for it: a quarter of a second, and after a failure not at all for some seconds.
    """
    if not orders or BREAKER.is_open() or (notifier := chosen()) is None:
        return
    try:
        plane_id = plane_id or _plane_id()
        notifier.publish(orders, plane_id=plane_id, key=plane_keys.sealing())
    except Exception as failure:  # the caller's work is done and must not fail for a hint
        BREAKER.failed(failure)
    else:
        BREAKER.succeeded()


def _plane_id() -> UUID:
    return Plane.objects.using(database()).values_list("plane_id", flat=True).get(pk=1)
