"""E007, E008, W008: second steps of a login."""

from django.apps import apps
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.filebased import FileBasedCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.checks import CheckMessage, Tags, register

from tokenauth import conf
from tokenauth.checks.asked import readable
from tokenauth.checks.findings import error, warning
from tokenauth.checks.limits import limits_cache

_SHARED_CACHE = (
    "Name a cache that all processes share in TOKENAUTH['LIMITS_CACHE']: Redis, Memcached or the database."
)


@register(Tags.caches)
def second_steps_are_counted(**kwargs: object) -> list[CheckMessage]:
    """E007: nobody counts the tries at a second step, so that none is let in."""
    cache = _challenges_cache()
    if cache is None or not issubclass(cache, DummyCache):
        return []
    text = "TOKENAUTH['LOGIN_CHALLENGE'] is set, and the cache that counts the tries keeps nothing."
    return [error("E007", text, mend=_SHARED_CACHE)]


@register(Tags.caches, deploy=True)
def second_steps_are_counted_once(**kwargs: object) -> list[CheckMessage]:
    """E007: each process counts the tries at a second step for itself, and one code makes several
    sessions."""
    cache = _challenges_cache()
    if cache is None or not issubclass(cache, (LocMemCache, FileBasedCache)):
        return []
    text = "TOKENAUTH['LOGIN_CHALLENGE'] is set, and several processes cannot count its tries together."
    return [error("E007", text, mend=_SHARED_CACHE)]


@register(Tags.security)
def second_steps_can_be_answered(**kwargs: object) -> list[CheckMessage]:
    """E008: whoever is asked for a second step can never give it."""
    if not readable() or conf.current().LOGIN_CHALLENGE is None or conf.current().LOGIN_VERIFY is not None:
        return []
    text = "TOKENAUTH['LOGIN_CHALLENGE'] is set, and nothing checks what is answered."
    return [error("E008", text, mend="Set TOKENAUTH['LOGIN_VERIFY'] to what checks the second step.")]


@register(Tags.security)
def second_steps_are_asked_for(**kwargs: object) -> list[CheckMessage]:
    """W008: an app for second factors is installed, and a token login needs the password alone."""
    installed = [name for name in ("django_otp", "allauth.mfa") if apps.is_installed(name)]
    if not installed or not readable() or conf.current().LOGIN_CHALLENGE is not None:
        return []
    text = f"{' and '.join(installed)} is installed, and a login for tokens asks for the password alone."
    mend = "Set TOKENAUTH['LOGIN_CHALLENGE'] and TOKENAUTH['LOGIN_VERIFY']."
    return [warning("W008", text, mend=mend)]


def _challenges_cache() -> type[BaseCache] | None:
    return limits_cache() if readable() and conf.current().LOGIN_CHALLENGE is not None else None
