"""How news of revocations travel beside the polls, and whether they do now."""

import time
from typing import Any

from django.db import connections

from tokenauth import conf
from tokenauth.doctor.findings import Finding, error, ok, warning
from tokenauth.models import Plane
from tokenauth.revocation.notifiers import alias, names, postgresql
from tokenauth.revocation.notifiers.postgresql import Deaf, Notify
from tokenauth.tokens.keyring import database

_ALONE = "the polls alone bring revocations"


def arrives() -> list[Finding]:
    """Redis answers and has the newest order; or a notification sent to oneself arrives."""
    if conf.current().REDIS_ALIAS is not None:
        return _by_redis(conf.current().REDIS_ALIAS or "")
    direct = postgresql.direct_database()
    if direct is None:
        return [ok(f"{_ALONE}: no Redis, and no PostgreSQL on which one can listen")]
    return [_by_notify(direct)]


def _by_redis(named: str) -> list[Finding]:
    if why := alias.why_not(named):
        return [error(f"REDIS_ALIAS {named!r} {why}: {_ALONE}", mend="See docs/reference/checks.md#e020.")]
    client: Any = alias.CLIENTS.patient(named)
    began = time.perf_counter()
    newest = client.xrevrange(names.stream(alias.namespace(named)), count=1)
    took = time.perf_counter() - began
    text = f"by Redis {named!r}, which answers in {took * 1000:.1f} ms"
    return [ok(text), *_missing(int(newest[0][0].split(b"-")[0]) if newest else 0)]


def _missing(newest: int) -> list[Finding]:
    # asked afterwards: what was numbered in between is no fault
    number = Plane.objects.using(database()).values_list("n", flat=True).first() or 0
    if newest > number:
        text = f"the stream is at {newest}, the database at {number}: it is of another history"
        return [warning(text, mend="'manage.py tokenauth_run propagate_orders' begins it anew.")]
    return [ok(f"the stream is at {newest}, the database at {number}")]


def _by_notify(direct: str) -> Finding:
    began = time.perf_counter()
    try:
        Notify(direct).test()
    except Deaf as deaf:
        text = f"LISTEN on {direct!r} hears nothing ({deaf}): {_ALONE}"
        return warning(text, mend="See docs/reference/checks.md#w020.")
    took = time.perf_counter() - began
    host = connections[direct].settings_dict["HOST"] or "its socket"
    return ok(f"by NOTIFY: {direct!r} ({host}) hears itself within {took * 1000:.0f} ms")
