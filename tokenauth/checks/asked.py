"""What a check has to ask before it can look: are the settings readable, may it query."""

from collections.abc import Sequence

from django.core.exceptions import ImproperlyConfigured

from tokenauth import conf
from tokenauth.tokens.keyring import database


def readable() -> bool:
    """Whether `TOKENAUTH` can be read; E001 says so where it cannot."""
    try:
        conf.current()
    except ImproperlyConfigured:
        return False
    return True


def of_our_tables(databases: Sequence[str] | None) -> bool:
    """Whether the database that holds tokenauth's tables may be queried."""
    return bool(databases) and readable() and database() in (databases or ())
