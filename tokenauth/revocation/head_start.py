"""A cold mirror's first orders from Redis, believed once the database knows the last of them (PROTOCOL 3)."""

import logging

from django.db.backends.base.base import BaseDatabaseWrapper

from tokenauth import conf
from tokenauth.observability import log
from tokenauth.revocation import clock, source
from tokenauth.revocation.mirror import Mirror
from tokenauth.revocation.notifiers import alias, names, plane_keys, snapshot
from tokenauth.revocation.notifiers.snapshot import NoSnapshot

#: Orders below which the database is as fast.
WORTHWHILE = 2 * source.PAGE


def mirror(connection: BaseDatabaseWrapper) -> Mirror | None:
    """Return a mirror that holds the snapshot's orders and goes on from there; None where there is none.

    It is not fresh: whoever asks next asks for what came after. A snapshot whose last order the database
    does not have under that number changes nothing. One question and one command a piece.
    """
    used = alias.usable()
    if used is None or conf.current().MIRROR == "each-check":
        return None
    try:
        return _loaded(used, connection)
    except NoSnapshot:
        return None
    except Exception as failure:  # whatever it is, the database has everything
        log.note("no_head_start", level=logging.WARNING, error=type(failure).__name__)
        return None


def _loaded(used: str, connection: BaseDatabaseWrapper) -> Mirror | None:
    client, name = alias.CLIENTS.patient(used), names.snapshot(alias.namespace(used))
    keys = plane_keys.of_companion()
    head = snapshot.head(client, name, keys)
    if head.orders < WORTHWHILE or not _is_known(head, connection):
        return None
    began, until = clock.now(), clock.now() + conf.current().START_TIMEOUT / 2
    new = Mirror(number=head.number, order_id=head.order_id, plane_id=head.plane_id)
    for orders in snapshot.pieces(client, name, head, keys):
        new.floors.apply(orders)
        if clock.now() > until:
            raise NoSnapshot  # a slow Redis is no head start
    log.note("head_start", orders=head.orders, number=head.number, seconds=round(clock.now() - began, 3))
    return new


def _is_known(head: snapshot.Head, connection: BaseDatabaseWrapper) -> bool:
    answer = source.ask(connection, after=head.number)
    return (
        answer is not None
        and answer.plane_id == head.plane_id
        and answer.n >= head.number
        and answer.own_order == head.order_id
    )
