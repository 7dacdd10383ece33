"""The trigger in PL/pgSQL. No WHEN and no OF: either would forbid ALTER TYPE of the user's columns."""

from django.db.backends.base.base import BaseDatabaseWrapper

from tokenauth.errors import Cause
from tokenauth.models.order import OrderKind
from tokenauth.models.upgrade import EVERYONE, TAIL
from tokenauth.revocation.account_triggers.target import NAME, Target


def create(aim: Target) -> list[str]:
    """Return the statements that install it."""
    return [
        # SECURITY DEFINER: whoever may change a user ends his tokens, with no right on our tables
        f"CREATE FUNCTION {NAME}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER "
        f"AS $body${_body(aim)}$body$",
        # a role's own objects must not come before ours
        "DO $$ BEGIN EXECUTE format("
        f"'ALTER FUNCTION {NAME}() SET search_path = %I, pg_temp', current_schema()); END $$",
        f"CREATE TRIGGER {NAME} AFTER UPDATE OR DELETE ON {aim.table} FOR EACH ROW EXECUTE FUNCTION {NAME}()",
    ]


def drop(aim: Target) -> list[str]:
    """Return the statements that remove it, whether it is there or not."""
    return [f"DROP TRIGGER IF EXISTS {NAME} ON {aim.table}", f"DROP FUNCTION IF EXISTS {NAME}() CASCADE"]


def is_current(connection: BaseDatabaseWrapper, aim: Target) -> bool:
    """Whether it is there, enabled, and of this release."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.prosrc FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid "
            "WHERE t.tgrelid = to_regclass(%s) AND t.tgname = %s AND t.tgenabled IN ('O', 'A')",
            [aim.table, NAME],
        )
        row = cursor.fetchone()
    return row is not None and row[0] == _body(aim)


def _body(aim: Target) -> str:
    watched = "".join(f" OR NEW.{column} IS DISTINCT FROM OLD.{column}" for column in aim.watched)
    return f"""
DECLARE
    account text := OLD.{aim.pk}::text;
    moved bigint;
    replaced text := right(OLD.{aim.password}, {TAIL});
    replacing text;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        replacing := right(NEW.{aim.password}, {TAIL});
        IF NOT (NEW.{aim.password} IS DISTINCT FROM OLD.{aim.password}{watched}) THEN
            RETURN NULL;
        END IF;
        IF NOT (false{watched}) THEN
            IF left(OLD.{aim.password}, 1) = '!' AND left(NEW.{aim.password}, 1) = '!' THEN
                RETURN NULL;
            END IF;
            IF EXISTS (SELECT 1 FROM {aim.upgrades} WHERE user_key = '{EVERYONE}') THEN
                RETURN NULL;
            END IF;
            UPDATE {aim.upgrades} m SET used = true
            WHERE m.user_key = account AND m.new_tail = replacing AND NOT m.used
              AND (m.old_tail = replaced OR EXISTS (
                SELECT 1 FROM {aim.upgrades} u
                WHERE u.user_key = account AND u.used AND u.old_tail = m.old_tail AND u.new_tail = replaced));
            IF FOUND THEN
                RETURN NULL;
            END IF;
        END IF;
    END IF;
    INSERT INTO {aim.accounts} AS a (user_key, epoch) VALUES (account, 1)
    ON CONFLICT (user_key) DO UPDATE SET epoch = a.epoch + 1 RETURNING a.epoch INTO moved;
    INSERT INTO {aim.orders} (kind, key, floor, at, cause, actor)
    VALUES ({OrderKind.USER:d}, account, moved, clock_timestamp(),
            CASE TG_OP WHEN 'DELETE' THEN '{Cause.ACCOUNT_GONE}' ELSE '{Cause.ACCOUNT_CHANGED}' END, '');
    RETURN NULL;
END
"""  # noqa: S608 - quoted names only
