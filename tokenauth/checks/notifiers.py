"""E020, E021, W020: how news of revocations travel beside the polls."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Tags, register
from django.db import Error, connections

from tokenauth import conf
from tokenauth.checks.asked import of_our_tables, readable
from tokenauth.checks.findings import error, warning
from tokenauth.revocation.notifiers import alias
from tokenauth.revocation.notifiers.postgresql import Deaf, Notify, direct_database
from tokenauth.tokens.keyring import database


@register(Tags.caches)
def news_travel_by_one_redis(**kwargs: object) -> list[CheckMessage]:
    """E020: REDIS_ALIAS names nothing that could carry them."""
    if not readable() or (named := conf.current().REDIS_ALIAS) is None or not (why := alias.why_not(named)):
        return []
    text = f"TOKENAUTH['REDIS_ALIAS'] names {named!r}, which {why}."
    mend = (
        "Name a cache of django-redis on one server or behind Sentinel, or leave it out: until then the "
        "polls alone bring revocations."
    )
    return [error("E020", text, mend=mend)]


@register(Tags.database)
def listening_is_possible(**kwargs: object) -> list[CheckMessage]:
    """E021: LISTEN_DATABASE leads to no PostgreSQL."""
    if not readable() or (named := conf.current().LISTEN_DATABASE) is None:
        return []
    if named in connections and connections[named].vendor == connections[database()].vendor == "postgresql":
        return []
    text = f"TOKENAUTH['LISTEN_DATABASE'] names {named!r}, and nothing can be heard there."
    mend = "Name an alias of DATABASES that leads directly to the PostgreSQL of tokenauth's tables."
    return [error("E021", text, mend=mend)]


@register(Tags.database)
def notifications_arrive(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """W020: LISTEN succeeds and nothing is heard: processes fall back to their polls."""
    if not of_our_tables(databases) or alias.usable() is not None or (direct := direct_database()) is None:
        return []
    if conf.current().MIRROR == "each-check":
        return []
    try:
        Notify(direct).test()
    except Deaf as deaf:
        text = f"PostgreSQL notifies, and {direct!r} does not hear it: {deaf}."
        mend = (
            "Say DISABLE_SERVER_SIDE_CURSORS where a pooler is there, and let TOKENAUTH['LISTEN_DATABASE'] "
            "name a direct connection; until then the polls alone bring revocations."
        )
        return [warning("W020", text, mend=mend)]
    except Error:  # it does not answer: others say so
        return []
    return []
