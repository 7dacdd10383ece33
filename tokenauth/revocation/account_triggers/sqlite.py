"""The trigger for SQLite, which has no variables: each statement asks whether the change counts."""

from django.db.backends.base.base import BaseDatabaseWrapper

from tokenauth.errors import Cause
from tokenauth.models.order import OrderKind
from tokenauth.models.upgrade import EVERYONE, TAIL
from tokenauth.revocation.account_triggers.target import NAME, Target

_UPDATE, _DELETE = f"{NAME}_update", f"{NAME}_delete"
_NOW = "strftime('%Y-%m-%d %H:%M:%f', 'now')"


def create(aim: Target) -> list[str]:
    """Return the statements that install both."""
    return list(_texts(aim).values())


def drop(aim: Target) -> list[str]:
    """Return the statements that remove them, whether they are there or not."""
    return [f"DROP TRIGGER IF EXISTS {name}" for name in (_UPDATE, _DELETE)]


def is_current(connection: BaseDatabaseWrapper, aim: Target) -> bool:
    """Whether both are there and of this release."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        found = dict(cursor.fetchall())
    return all(found.get(name) == text for name, text in _texts(aim).items())


def _texts(aim: Target) -> dict[str, str]:
    return {
        _UPDATE: f"""CREATE TRIGGER {_UPDATE} AFTER UPDATE ON {aim.table} FOR EACH ROW BEGIN
{_revoke(aim, Cause.ACCOUNT_CHANGED, where=_counts(aim))}
UPDATE {aim.upgrades} SET used = 1 WHERE id IN (SELECT m.id {_mark(aim)});
END""",  # noqa: S608 - quoted names only
        _DELETE: f"""CREATE TRIGGER {_DELETE} AFTER DELETE ON {aim.table} FOR EACH ROW BEGIN
{_revoke(aim, Cause.ACCOUNT_GONE, where="true")}
END""",
    }


def _revoke(aim: Target, cause: Cause, *, where: str) -> str:
    account = f"CAST(OLD.{aim.pk} AS text)"
    return f"""INSERT INTO {aim.accounts} (user_key, epoch) SELECT {account}, 1 WHERE {where}
ON CONFLICT (user_key) DO UPDATE SET epoch = epoch + 1;
INSERT INTO {aim.orders} (kind, key, floor, at, cause, actor)
SELECT {OrderKind.USER:d}, user_key, epoch, {_NOW}, '{cause}', '' FROM {aim.accounts}
WHERE user_key = {account} AND {where};"""  # noqa: S608 - quoted names only


def _counts(aim: Target) -> str:
    watched = "".join(f" OR NEW.{column} IS NOT OLD.{column}" for column in aim.watched)
    old, new = f"OLD.{aim.password}", f"NEW.{aim.password}"
    stays_unusable = f"({old} LIKE '!%' AND {new} LIKE '!%')"
    is_reencoded = f"EXISTS (SELECT 1 FROM {aim.upgrades} WHERE user_key = '{EVERYONE}')"  # noqa: S608
    is_marked = f"({is_reencoded} OR EXISTS (SELECT 1 {_mark(aim)}))"
    is_other = f"({new} IS NOT {old} AND NOT {stays_unusable} AND NOT {is_marked})"
    return f"({is_other}{watched})"


def _mark(aim: Target) -> str:
    """The unused mark of this very upgrade: of the row's hash, or of the one that a twin upgraded to it."""
    account = f"CAST(OLD.{aim.pk} AS text)"
    old, new = f"substr(OLD.{aim.password}, -{TAIL})", f"substr(NEW.{aim.password}, -{TAIL})"
    return f"""FROM {aim.upgrades} m WHERE m.user_key = {account} AND m.new_tail = {new} AND NOT m.used
AND (m.old_tail = {old} OR EXISTS (SELECT 1 FROM {aim.upgrades} u WHERE u.user_key = {account} AND u.used
AND u.old_tail = m.old_tail AND u.new_tail = {old}))"""  # noqa: S608 - quoted names only
