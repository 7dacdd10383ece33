"""Where the models of this site lie."""

from typing import Any


class UsersElsewhere:
    """Accounts and what hangs on them lie on `people`, everything else does not."""

    alias = "people"
    apps = frozenset({"admin", "auth", "contenttypes", "sessions"})

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return self.alias if model._meta.app_label in self.apps else None

    db_for_write = db_for_read

    def allow_relation(self, one: Any, other: Any, **hints: Any) -> bool:
        return (one._meta.app_label in self.apps) == (other._meta.app_label in self.apps)

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return (db == self.alias) == (app_label in self.apps)
