"""E001, E002, E009, E012, W002: the settings themselves."""

from urllib.parse import urlsplit

from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Tags, register
from django.core.exceptions import ImproperlyConfigured

from tokenauth import conf
from tokenauth.checks.asked import readable
from tokenauth.checks.findings import error, warning
from tokenauth.checks.transport import is_remote


@register(Tags.security)
def settings_are_readable(**kwargs: object) -> list[CheckMessage]:
    """E001: a value of TOKENAUTH has the wrong type or range."""
    try:
        conf.current()
    except ImproperlyConfigured as wrong:
        return [error("E001", str(wrong), mend="docs/reference/settings.md has types, units and defaults.")]
    return []


@register(Tags.security)
def issuer_is_set(**kwargs: object) -> list[CheckMessage]:
    """E002: outside DEBUG nobody can guess the site's own address."""
    if not readable() or conf.current().ISSUER:
        return []
    mend = "Set it to the site's https origin, for example 'https://example.com'."
    return [error("E002", "TOKENAUTH['ISSUER'] is not set.", mend=mend)]


@register(Tags.security)
def issuer_is_one(**kwargs: object) -> list[CheckMessage]:
    """E012: clients and other services refuse the tokens of such an issuer (RFC 8414 2)."""
    if not readable() or not conf.current().ISSUER or _is_issuer(conf.current().ISSUER):
        return []
    text = "TOKENAUTH['ISSUER'] is no https address, or has a query, a fragment or credentials."
    mend = "Set it to the site's https origin, for example 'https://example.com'; http is for loopback alone."
    return [error("E012", text, mend=mend)]


def _is_issuer(issuer: str) -> bool:
    try:
        parts = urlsplit(issuer)
        host = parts.hostname
    except ValueError:
        return False
    if not host or {"?", "#"} & set(issuer) or "@" in parts.netloc:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and not is_remote(host))


@register(Tags.security)
def times_have_zones(**kwargs: object) -> list[CheckMessage]:
    """E009: without USE_TZ the database keeps local times, and an hour comes twice a year."""
    if django_settings.USE_TZ:
        return []
    text = "USE_TZ is False: when a token or session ends would depend on the server's time zone."
    return [error("E009", text, mend="Set USE_TZ to True.")]


@register(Tags.security)
def settings_are_known(**kwargs: object) -> list[CheckMessage]:
    """W002: a key that means nothing, a misspelt one perhaps."""
    return [
        warning("W002", f"TOKENAUTH[{key!r}] is no setting.", mend="Correct or remove it.")
        for key in conf.unknown_keys()
    ]
