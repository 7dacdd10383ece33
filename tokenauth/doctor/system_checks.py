"""Django's system checks: tokenauth's, and those of others about security, caches and the database."""

from collections.abc import Sequence

from django.core import checks
from django.core.checks import CheckMessage, Tags

from tokenauth.checks.settings import settings_are_readable
from tokenauth.doctor import withheld
from tokenauth.doctor.findings import Finding, Level, error, ok
from tokenauth.models import users
from tokenauth.tokens.keyring import database


def settings() -> list[Finding]:
    """Whether `TOKENAUTH` can be read: nothing else can be told before."""
    return [
        error(withheld.foreign(str(wrong.msg)), mend=withheld.foreign(str(wrong.hint)))
        for wrong in settings_are_readable()
    ] or [ok("TOKENAUTH can be read")]


def without_database() -> list[Finding]:
    """What the settings tell."""
    return _found(checks.run_checks(tags=[Tags.security, Tags.caches], include_deployment_checks=True))


def of_database() -> list[Finding]:
    """What the databases of the tables and of the users tell."""
    aliases = sorted({database(), users.database()})
    return _found(checks.run_checks(tags=[Tags.database], include_deployment_checks=True, databases=aliases))


def _found(messages: Sequence[CheckMessage]) -> list[Finding]:
    told = [each for each in messages if not each.is_silenced() and each.level >= checks.WARNING]
    if not told:
        return [ok("system checks find nothing")]
    return [
        Finding(
            Level.ERROR if each.level >= checks.ERROR else Level.WARNING,
            withheld.foreign(f"{each.id}: {each.msg}"),
            withheld.foreign(str(each.hint or "")),
        )
        for each in sorted(told, key=lambda message: (-message.level, str(message.id)))
    ]
