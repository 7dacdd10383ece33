"""System checks: each says what is wrong and how to mend it. Ids are never used twice."""

from collections.abc import Sequence
from typing import Any, cast

from django.apps import apps
from django.conf import settings
from django.core.cache import InvalidCacheBackendError, caches
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.filebased import FileBasedCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connections, router
from rest_framework.settings import api_settings

from tokenauth import conf
from tokenauth.api.authentication import TokenAuthentication
from tokenauth.errors import UnknownPolicy
from tokenauth.models import Client
from tokenauth.policy import builtin
from tokenauth.policy.builtin import Policy
from tokenauth.revocation import account_triggers
from tokenauth.risk import counters
from tokenauth.tokens.keyring import database

#: Clients that every process holds in memory without a word.
MOST_CLIENTS = 10_000

_PER_PROCESS_CACHES = (LocMemCache, DummyCache)
_SHARED_CACHE = (
    "Name a cache that all processes share in TOKENAUTH['LIMITS_CACHE']: Redis, Memcached or the database."
)


@register(Tags.security)
def settings_are_readable(**kwargs: object) -> list[CheckMessage]:
    """E001: a value of TOKENAUTH has the wrong type or range."""
    try:
        conf.current()
    except ImproperlyConfigured as wrong:
        hint = "See the settings reference for types, units and defaults."
        return [Error(str(wrong), hint=hint, id="tokenauth.E001")]
    return []


@register(Tags.security)
def issuer_is_set(**kwargs: object) -> list[CheckMessage]:
    """E002: outside DEBUG nobody can guess the site's own address."""
    if not _readable() or conf.current().ISSUER:
        return []
    hint = "Set it to the site's https origin, for example 'https://example.com'."
    return [Error("TOKENAUTH['ISSUER'] is not set.", hint=hint, id="tokenauth.E002")]


@register(Tags.security)
def policies_hold_together(**kwargs: object) -> list[CheckMessage]:
    """E003 to E005: overrides that cannot be, W = 0 without exact, a proof that nobody can give yet."""
    if not _readable():
        return []
    found: list[CheckMessage] = []
    for name in sorted({*builtin.all_names(), conf.current().DEFAULT_POLICY}):
        try:
            found += _of_policy(builtin.named(name))
        except (ImproperlyConfigured, UnknownPolicy) as wrong:
            hint = "`base` names a built-in policy; the other keys are those of the policy reference."
            found.append(Error(f"The policy {name!r} cannot be: {wrong}", hint=hint, id="tokenauth.E003"))
    return found


def _of_policy(policy: Policy) -> Sequence[CheckMessage]:
    if policy.grace == 0 and policy.repeat != "exact":
        hint = "Set 'repeat' to 'exact', or 'grace' to some seconds: else each lost answer makes a sibling."
        text = f"The policy {policy.name!r} has no grace window and does not ask for Idempotency-Keys."
        return [Error(text, hint=hint, id="tokenauth.E004")]
    if policy.proof == "required" and policy.name in _used_policies():
        hint = "Use another policy until this version of tokenauth can check proofs."
        text = f"The policy {policy.name!r} requires a proof key, which nobody can present yet."
        return [Error(text, hint=hint, id="tokenauth.E005")]
    return []


def _used_policies() -> set[str]:
    # what the settings choose; a client that names it is refused at login
    return {conf.current().DEFAULT_POLICY, *conf.current().POLICIES}


@register(Tags.security, deploy=True)
def encryption_keys_are_own(**kwargs: object) -> list[CheckMessage]:
    """W001: the keys at rest hang on SECRET_KEY."""
    if not _readable() or conf.current().ENCRYPTION_KEYS:
        return []
    text = "TOKENAUTH['ENCRYPTION_KEYS'] is empty: keys are sealed by one that is derived from SECRET_KEY."
    hint = "Put the output of 'manage.py tokenauth_keys new-encryption-key' first in it."
    return [Warning(text, hint=hint, id="tokenauth.W001")]


@register(Tags.security)
def settings_are_known(**kwargs: object) -> list[CheckMessage]:
    """W002: a key that means nothing, a misspelt one perhaps."""
    return [
        Warning(f"TOKENAUTH[{key!r}] is no setting.", hint="Correct or remove it.", id="tokenauth.W002")
        for key in conf.unknown_keys()
    ]


@register(Tags.caches, deploy=True)
def limits_are_shared(**kwargs: object) -> list[CheckMessage]:
    """W003: each process counts for itself, counts get lost, or too few are kept."""
    if not _readable():
        return []
    alias = conf.current().LIMITS_CACHE
    cache = _limits_cache()
    if cache is None:
        text = f"There is no cache {alias!r} to count logins in."
    elif issubclass(cache, _PER_PROCESS_CACHES):
        text = f"The cache {alias!r} that counts logins is one for each process, or none at all."
    elif not counters.is_atomic(cache):
        text = f"The cache {alias!r} that counts logins loses counts of two processes at once."
    else:
        return []
    hint = (
        "Name a cache that all processes share and that counts by itself (Redis, Memcached) in "
        "TOKENAUTH['LIMITS_CACHE']. On one in a database or in files set OPTIONS['MAX_ENTRIES'] well above "
        "the logins of an hour: a full cache forgets counts."
    )
    return [Warning(text, hint=hint, id="tokenauth.W003")]


@register(Tags.caches)
def second_steps_are_counted(**kwargs: object) -> list[CheckMessage]:
    """E007: nobody counts the tries at a second step, so that none is let in."""
    cache = _challenges_cache()
    if cache is None or not issubclass(cache, DummyCache):
        return []
    text = "TOKENAUTH['LOGIN_CHALLENGE'] is set, and the cache that counts the tries keeps nothing."
    return [Error(text, hint=_SHARED_CACHE, id="tokenauth.E007")]


@register(Tags.caches, deploy=True)
def second_steps_are_counted_once(**kwargs: object) -> list[CheckMessage]:
    """E007: each process counts the tries at a second step for itself, and one code makes several
    sessions."""
    cache = _challenges_cache()
    if cache is None or not issubclass(cache, (LocMemCache, FileBasedCache)):
        return []
    text = "TOKENAUTH['LOGIN_CHALLENGE'] is set, and several processes cannot count its tries together."
    return [Error(text, hint=_SHARED_CACHE, id="tokenauth.E007")]


def _challenges_cache() -> type[BaseCache] | None:
    return _limits_cache() if _readable() and conf.current().LOGIN_CHALLENGE is not None else None


def _limits_cache() -> type[BaseCache] | None:
    try:
        return type(caches[conf.current().LIMITS_CACHE])
    except (InvalidCacheBackendError, ImportError):
        return None


@register(Tags.security)
def keys_are_announced_in_time(**kwargs: object) -> list[CheckMessage]:
    """E006: a key would sign before every client has it."""
    if not _readable():
        return []
    ours = conf.current()
    if ours.KEY_LIFETIME > ours.JWKS_MAX_AGE + ours.LONGEST_CLIENT_CACHE:
        return []
    text = "TOKENAUTH['KEY_LIFETIME'] is shorter than clients cache the key set."
    hint = "It must exceed JWKS_MAX_AGE + LONGEST_CLIENT_CACHE: the next key is announced that long."
    return [Error(text, hint=hint, id="tokenauth.E006")]


@register(Tags.database)
def sqlite_is_ready_for_two_at_once(
    databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """W004: without IMMEDIATE transactions two writers end in 'database is locked'."""
    if not databases or not _readable() or (alias := database()) not in databases:
        return []
    if connections[alias].vendor != "sqlite":
        return []
    if connections[alias].settings_dict.get("OPTIONS", {}).get("transaction_mode") == "IMMEDIATE":
        return []
    text = f"The SQLite database {alias!r} does not open its transactions with IMMEDIATE."
    hint = (
        "Set DATABASES[...]['OPTIONS'] to {'transaction_mode': 'IMMEDIATE', 'timeout': 5, "
        "'init_command': 'PRAGMA journal_mode=WAL'}."
    )
    return [Warning(text, hint=hint, id="tokenauth.W004")]


@register(Tags.database)
def clients_fit_in_memory(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """W005: every process holds all clients."""
    if not databases or not _readable() or database() not in databases:
        return []
    try:
        count = Client.objects.using(database()).count()
    except DatabaseError:  # not migrated yet
        return []
    if count <= MOST_CLIENTS:
        return []
    text = f"There are {count} clients; every process holds all of them in memory."
    return [Warning(text, hint="Delete those that are no longer used.", id="tokenauth.W005")]


@register(Tags.database)
def account_changes_are_seen(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """W007: changes of an account by `update()` or raw SQL end no tokens."""
    if not databases or not _readable() or database() not in databases:
        return []
    reason = account_triggers.why_not()
    if reason is account_triggers.WhyNot.SETTING:
        return []
    if reason is not None:
        text = f"Only save() and delete() of a user end his tokens: {reason}."
        hint = "End tokens by flows.revoke() where accounts are changed otherwise, or set TRIGGERS to 'off'."
        return [Warning(text, hint=hint, id="tokenauth.W007")]
    try:
        if not account_triggers.has_tables() or account_triggers.is_current():
            return []
    except DatabaseError:
        return []
    text = "The trigger by which a changed account ends its tokens is missing or of another release."
    hint = "Run 'manage.py tokenauth_triggers install'."
    return [Warning(text, hint=hint, id="tokenauth.W007")]


@register(Tags.security)
def second_steps_can_be_answered(**kwargs: object) -> list[CheckMessage]:
    """E008: whoever is asked for a second step can never give it."""
    if not _readable() or conf.current().LOGIN_CHALLENGE is None or conf.current().LOGIN_VERIFY is not None:
        return []
    text = "TOKENAUTH['LOGIN_CHALLENGE'] is set, and nothing checks what is answered."
    hint = "Set TOKENAUTH['LOGIN_VERIFY'] to what checks the second step."
    return [Error(text, hint=hint, id="tokenauth.E008")]


@register(Tags.security)
def second_steps_are_asked_for(**kwargs: object) -> list[CheckMessage]:
    """W008: an app for second factors is installed, and a token login needs the password alone."""
    installed = [name for name in ("django_otp", "allauth.mfa") if apps.is_installed(name)]
    if not installed or not _readable() or conf.current().LOGIN_CHALLENGE is not None:
        return []
    text = f"{' and '.join(installed)} is installed, and a login for tokens asks for the password alone."
    hint = "Set TOKENAUTH['LOGIN_CHALLENGE'] and TOKENAUTH['LOGIN_VERIFY']."
    return [Warning(text, hint=hint, id="tokenauth.W008")]


@register(Tags.security)
def times_have_zones(**kwargs: object) -> list[CheckMessage]:
    """E009: without USE_TZ the database keeps local times, and an hour comes twice a year."""
    if settings.USE_TZ:
        return []
    text = "USE_TZ is False: when a token or session ends would depend on the server's time zone."
    return [Error(text, hint="Set USE_TZ to True.", id="tokenauth.E009")]


@register(Tags.database)
def the_models_lie_where_the_setting_says(**kwargs: object) -> list[CheckMessage]:
    """E030: flows would read one database, the admin and `migrate` another."""
    if not _readable() or (own := conf.current().DATABASE) is None:
        return []
    hint = "Put 'tokenauth.routers.OwnDatabase' first in DATABASE_ROUTERS."
    if own not in connections:
        text = f"TOKENAUTH['DATABASE'] names {own!r}, which is not in DATABASES."
        return [Error(text, hint="Name an alias of DATABASES.", id="tokenauth.E030")]
    led = router.db_for_write(Client)
    if led == own and router.db_for_read(Client) == own:
        return []
    text = f"TOKENAUTH['DATABASE'] names {own!r}, and the database routers send its models to {led!r}."
    return [Error(text, hint=hint, id="tokenauth.E030")]


@register(Tags.security)
def expired_tokens_are_401(**kwargs: object) -> list[CheckMessage]:
    """W006: DRF challenges with its first class alone, and answers 403 where that one has no challenge
    (RFC 6750 3.1): clients refresh on 401 only."""
    try:
        classes: list[type[Any]] = [*cast("Any", api_settings.DEFAULT_AUTHENTICATION_CLASSES)]
    except ImportError:  # DRF says so itself
        return []
    ours = [each for each in classes if issubclass(each, TokenAuthentication)]
    if not ours or issubclass(classes[0], TokenAuthentication):
        return []
    others = [each for each in classes if each not in ours]
    mended = [f"{each.__module__}.{each.__qualname__}" for each in [*ours, *others]]
    text = (
        f"{classes[0].__qualname__} stands before tokenauth's class in "
        "REST_FRAMEWORK['DEFAULT_AUTHENTICATION_CLASSES']: expired tokens are not answered 401 with our "
        "challenge, and clients do not refresh."
    )
    return [Warning(text, hint=f"Set it to {mended!r}.", id="tokenauth.W006")]


def _readable() -> bool:
    return not settings_are_readable()
