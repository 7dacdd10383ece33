"""A database router for sites that keep tokenauth's tables in a database of their own."""

from typing import Any

from tokenauth import conf

_APP = "tokenauth"


class OwnDatabase:
    """Keeps tokenauth's tables in `TOKENAUTH["DATABASE"]`, and every other table out of it or not, as the
    site's other routers say.

    Name it in the site's `DATABASE_ROUTERS` beside that setting: the admin, `migrate` and whatever asks
    the models go where the flows go. It says nothing while the setting is None.
    """

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        """The alias of tokenauth's models."""
        return conf.current().DATABASE if model._meta.app_label == _APP else None

    db_for_write = db_for_read

    def allow_relation(self, one: Any, other: Any, **hints: Any) -> bool | None:
        """Between tokenauth's own rows."""
        return True if {one._meta.app_label, other._meta.app_label} == {_APP} else None

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        """tokenauth's tables are made in their own database alone."""
        if app_label != _APP or (own := conf.current().DATABASE) is None:
            return None
        return db == own
