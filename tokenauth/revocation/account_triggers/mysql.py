"""The triggers for MariaDB and MySQL, one for each event."""

from django.db.backends.base.base import BaseDatabaseWrapper

from tokenauth.errors import Cause
from tokenauth.models.order import OrderKind
from tokenauth.models.upgrade import EVERYONE, TAIL
from tokenauth.revocation.account_triggers.target import NAME, Target

_UPDATE, _DELETE = f"{NAME}_update", f"{NAME}_delete"


def create(aim: Target) -> list[str]:
    """Return the statements that install both."""
    events = {_UPDATE: "UPDATE", _DELETE: "DELETE"}
    return [
        f"CREATE TRIGGER {name} AFTER {events[name]} ON {aim.table} FOR EACH ROW {body}"
        for name, body in _bodies(aim).items()
    ]


def drop(aim: Target) -> list[str]:
    """Return the statements that remove them, whether they are there or not."""
    return [f"DROP TRIGGER IF EXISTS {name}" for name in (_UPDATE, _DELETE)]


def is_current(connection: BaseDatabaseWrapper, aim: Target) -> bool:
    """Whether both are there and of this release."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT trigger_name, action_statement FROM information_schema.triggers "
            "WHERE event_object_schema = DATABASE() AND event_object_table = %s",
            [aim.bare_table],
        )
        found = dict(cursor.fetchall())
    return all(found.get(name) == body for name, body in _bodies(aim).items())


def _bodies(aim: Target) -> dict[str, str]:
    return {
        _UPDATE: f"""BEGIN
DECLARE account varchar(255) DEFAULT CAST(OLD.{aim.pk} AS char);
DECLARE counts boolean DEFAULT {_watched(aim)};
IF NOT counts AND NOT (NEW.{aim.password} <=> OLD.{aim.password})
   AND NOT (OLD.{aim.password} LIKE '!%' AND NEW.{aim.password} LIKE '!%')
   AND NOT EXISTS (SELECT 1 FROM {aim.upgrades} WHERE user_key = '{EVERYONE}') THEN
    {_use_mark(aim)}
    SET counts = ROW_COUNT() = 0;
END IF;
IF counts THEN
    {_revoke(aim, Cause.ACCOUNT_CHANGED)}
END IF;
END""",  # noqa: S608 - quoted names only
        _DELETE: f"""BEGIN
DECLARE account varchar(255) DEFAULT CAST(OLD.{aim.pk} AS char);
{_revoke(aim, Cause.ACCOUNT_GONE)}
END""",
    }


def _watched(aim: Target) -> str:
    return " OR ".join(["false", *(f"NOT (NEW.{name} <=> OLD.{name})" for name in aim.watched)])


def _use_mark(aim: Target) -> str:
    old, new = f"RIGHT(OLD.{aim.password}, {TAIL})", f"RIGHT(NEW.{aim.password}, {TAIL})"
    # a table that is updated can be read in the same statement only by a join
    return f"""UPDATE {aim.upgrades} m LEFT JOIN {aim.upgrades} u ON u.user_key = account AND u.used
        AND u.old_tail = m.old_tail AND u.new_tail = BINARY {old}
    SET m.used = true
    WHERE m.user_key = account AND m.new_tail = BINARY {new} AND NOT m.used
        AND (m.old_tail = BINARY {old} OR u.id IS NOT NULL);"""  # noqa: S608 - quoted names only


def _revoke(aim: Target, cause: Cause) -> str:
    return f"""INSERT INTO {aim.accounts} (user_key, epoch) VALUES (account, 1)
    ON DUPLICATE KEY UPDATE epoch = epoch + 1;
    INSERT INTO {aim.orders} (kind, `key`, floor, at, cause, actor)
    SELECT {OrderKind.USER:d}, user_key, epoch, UTC_TIMESTAMP(6), '{cause}', ''
    FROM {aim.accounts} WHERE user_key = account;"""  # noqa: S608 - quoted names only
