"""NOTIFY and LISTEN: where the site has PostgreSQL and a direct connection, and no Redis."""

import base64
import binascii
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, Final
from uuid import UUID

from django.db import connections

from tokenauth import conf
from tokenauth.revocation import own_connection
from tokenauth.revocation.mirror import Order
from tokenauth.revocation.notifiers import message, names, plane_keys, stream
from tokenauth.revocation.notifiers.notifier import Following
from tokenauth.tokens.keyring import database

VERSION: Final = "1"
#: Bytes of a payload; PostgreSQL refuses 8,000.
_MOST: Final = 7_900
#: Seconds until a notification that was sent to oneself must have come.
_TEST: Final = 1.0
#: Seconds after which somebody who listens looks whether he shall stop.
_TURN: Final = 0.5
_TEST_WORD: Final = "test"


class Deaf(Exception):
    """LISTEN succeeds and nothing arrives: there is a pooler, another database, or a driver that cannot."""


def direct_database() -> str | None:
    """Return the alias of a connection on which one can listen; None where there is none.

    LISTEN_DATABASE names it; else it is tokenauth's own, unless DISABLE_SERVER_SIDE_CURSORS tells of a
    pooler.
    """
    own = connections[database()]
    if own.vendor != "postgresql":
        return None
    named = conf.current().LISTEN_DATABASE
    if named is not None:
        return named if named in connections else None
    return None if own.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS") else database()


class Notify:
    """Everybody listens to one channel."""

    name = "notify"

    def __init__(self, name: str) -> None:
        self._alias = name
        self._channel = names.channel(conf.namespace() or names.DEFAULT)

    def publish(self, orders: Sequence[Order], *, plane_id: UUID, key: bytes) -> None:
        connection = connections[database()]
        if connection.in_atomic_block:
            return  # it would travel at a commit that is not the orders'
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, %s)", [self._channel, _payload(orders, plane_id, key)])

    def follow(self, stop: threading.Event, mirror: Following, connected: Callable[[], None]) -> None:
        with _listening(self._alias, self._channel) as raw:
            _test(raw, self._channel)
            connected()
            while not stop.is_set():
                for heard in raw.notifies(timeout=_TURN):
                    _hand_on(heard.payload, mirror)
                    if stop.is_set():
                        return

    def test(self) -> None:
        """Listen, and notify oneself from the connection that writers use.

        Raises:
            Deaf: Nothing came.
            Error: The database does not answer.
        """
        with _listening(self._alias, self._channel) as raw:
            _test(raw, self._channel)


@contextmanager
def _listening(name: str, channel: str) -> Iterator[Any]:
    with closing(own_connection.opened(name, patience=_TEST)) as connection:
        raw: Any = connection.connection
        if not hasattr(raw, "notifies") or isinstance(raw.notifies, list):
            raise Deaf("psycopg 2")
        raw.execute(f"LISTEN {channel}")
        yield raw


def _test(raw: Any, channel: str) -> None:
    nonce = f"{_TEST_WORD} {secrets.token_hex(8)}"
    # not by the connection that listens: a pooler may hand it what its own server connection heard
    with closing(own_connection.opened(database(), patience=_TEST)) as writer, writer.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [channel, nonce])
    if not any(heard.payload == nonce for heard in _until(raw, nonce)):
        raise Deaf("a notification did not arrive")


def _until(raw: Any, payload: str) -> Iterator[Any]:
    for heard in raw.notifies(timeout=_TEST):
        yield heard
        if heard.payload == payload:
            return


def _payload(orders: Sequence[Order], plane_id: UUID, key: bytes) -> str:
    """The messages themselves where they fit; else only that there is news."""
    told, room = [], _MOST
    for _, packed in stream.packed(orders, plane_id, key):
        text = base64.b64encode(packed).decode()
        room -= len(text) + 1
        if room < 0:
            return VERSION
        told.append(text)
    return " ".join([VERSION, *told])


def _hand_on(payload: str, mirror: Following) -> None:
    version, *told = payload.split(" ")
    if version == _TEST_WORD or (at := mirror.position()) is None:
        return
    orders = _orders(told, at[0]) if version == VERSION and told else []
    if orders and None not in orders:
        # those that do not continue what it holds send it to the database
        mirror.hint([order for order in orders if order is not None])
    else:
        mirror.wake()


def _orders(told: Sequence[str], plane_id: UUID) -> list[Order | None]:
    keys = plane_keys.of_companion()
    try:
        packed = [base64.b64decode(text, validate=True) for text in told]
    except binascii.Error:
        return [None]
    return [message.unpack(each, plane_id=plane_id, keys=keys) for each in packed]
