"""Settings: one dictionary `TOKENAUTH` in the site's settings, read here and nowhere else."""

import os
import re
from collections.abc import Callable, Mapping
from functools import _lru_cache_wrapper, lru_cache
from typing import Annotated, Any, Literal, ParamSpec, TypeVar, cast

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.utils.module_loading import import_string
from limits import parse
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

P = ParamSpec("P")
R = TypeVar("R")

#: What a schema, a key in Redis and a host name can bear alike.
_NAMESPACE = re.compile(r"[a-z0-9_-]{1,63}\Z").match

_CACHES: list["_lru_cache_wrapper[Any]"] = []


def _readable(rate: str) -> str:
    """Refuse here what would otherwise fail at the first login."""
    parse(rate)
    return rate


Rate = Annotated[str, AfterValidator(_readable)] | None


class Limits(BaseModel):
    """How often something may be asked, as `<count>/<second|minute|hour>`; None turns a limit off."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: Logins for one account name.
    login_account: Rate = "10/minute"
    #: Logins from one network (IPv4 /24, IPv6 /64).
    login_network: Rate = "60/minute"
    #: Consecutive failed logins of one account before it is locked.
    login_failures: int | None = 100
    #: Refreshes from one network.
    refresh_network: Rate = "600/minute"
    #: Refreshes of one family.
    refresh_family: Rate = "30/minute"
    #: Introspections by one resource server.
    introspect: Rate = "6000/minute"
    #: Questions for revocations by one resource server: each of its processes asks 4 times a second.
    feed: Rate = "60000/minute"


class Settings(BaseModel):
    """What a site may set in `TOKENAUTH`. Every key has a safe default but `ISSUER`."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    #: Issuer URL of the tokens: https, no query, no fragment. No default outside DEBUG.
    ISSUER: str = ""
    #: Audience of a login that names none; the site's own views accept it. Default: the issuer.
    ACCOUNT_AUDIENCE: str = ""
    #: Keys that encrypt stored keys, newest first: 32 bytes, base64url. Empty: derived from SECRET_KEY.
    ENCRYPTION_KEYS: tuple[str, ...] = Field(default=(), repr=False)
    #: Signature algorithm of new access keys.
    ALG: Literal["ES256", "EdDSA", "RS256"] = "ES256"
    #: Seconds by which a verifier forgives another machine's clock.
    LEEWAY: int = Field(default=10, ge=0, le=60)
    #: Overrides of the built-in policies: name -> {key: value}, `base` names the one to start from.
    POLICIES: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)
    #: Policy of a client that names none.
    DEFAULT_POLICY: str = "browser"
    #: Seconds a process may still accept a token after its revocation committed.
    STALENESS_BOUND: float = Field(default=1.0, ge=0.2, le=60)
    #: What a process does that cannot reach the database for longer than the bound.
    MODE: Literal["strict", "available"] = "strict"
    #: Seconds beyond the bound that `available` still accepts.
    AVAILABLE_SECONDS: float = Field(default=30, ge=0, le=3600)
    #: `auto`: a thread polls; `request`: requests poll; `each-check`: every check asks (for tests).
    MIRROR: Literal["auto", "request", "each-check"] = "auto"
    #: Seconds the first load of the mirror may hold a request.
    START_TIMEOUT: float = Field(default=5, gt=0, le=60)
    #: Bytes that the live orders may take in one process; beyond it spent generations are forgotten.
    MIRROR_MEMORY: int = Field(default=64 * 2**20, ge=2**20)
    #: Database alias of tokenauth's tables; None: the router decides.
    DATABASE: str | None = None
    #: `() -> str`, or its dotted path: the tenant whose tables are in use, where each has a schema or a
    #: database of its own. None: there is one site. ISSUER and ACCOUNT_AUDIENCE then name it: {namespace}.
    NAMESPACE: str | Callable[[], str] | None = None
    #: Alias of the django-redis cache that tells processes of revocations at once; None: none does.
    REDIS_ALIAS: str | None = None
    #: Database alias of a direct connection to listen on; None: the own one, unless a pooler is there.
    LISTEN_DATABASE: str | None = None
    #: Who ends the tokens of an account that changes: a trigger on its table (`auto`), or signals alone.
    TRIGGERS: Literal["auto", "off"] = "auto"
    #: Fields of the user model besides password and is_active whose change ends the user's tokens.
    TRIGGER_COLUMNS: tuple[str, ...] = ()
    #: `(user, client, device, request) -> flows.Challenge | None`, or its dotted path: a second step.
    LOGIN_CHALLENGE: str | Callable[..., Any] | None = None
    #: `(user, method, response, request) -> bool`, or its dotted path: checks the second step.
    LOGIN_VERIFY: str | Callable[..., Any] | None = None
    #: Alias of the Django cache that keeps the counters of `LIMITS`.
    LIMITS_CACHE: str = "default"
    LIMITS: Limits = Limits()
    #: Password hashes one process computes at once; None: no limit. Default: processor cores.
    HASHES_AT_ONCE: int | None = Field(default_factory=lambda: os.cpu_count() or 1)
    #: Proxies in front of the site that append to X-Forwarded-For.
    TRUSTED_PROXIES: int = Field(default=0, ge=0, le=10)
    #: Refuse plain HTTP at the token endpoints and in the authentication class. Default: not DEBUG.
    REQUIRE_TLS: bool = Field(default_factory=lambda: not django_settings.DEBUG)
    #: Base of `error_uri`; None leaves the member out.
    ERROR_URI: str | None = None
    #: Seconds a client may cache the JWKS.
    JWKS_MAX_AGE: int = Field(default=300, ge=0, le=86_400)
    #: Seconds an access key signs before `next` takes over.
    KEY_LIFETIME: int = Field(default=90 * 86_400, ge=86_400)
    #: Seconds the slowest known client caches the JWKS.
    LONGEST_CLIENT_CACHE: int = Field(default=3600, ge=0)
    #: Live families of one user; the oldest ends beyond it.
    FAMILIES_PER_USER: int = Field(default=20, ge=1)
    #: Seconds an event of the trail is kept.
    EVENT_RETENTION: int = Field(default=400 * 86_400, ge=86_400)
    #: Seconds its personal part is kept: address, user agent, name.
    DETAIL_RETENTION: int = Field(default=90 * 86_400, ge=0)
    #: Verified tokens in use that one process remembers without a miss; it holds up to twice as many.
    TOKEN_CACHE: int = Field(default=20_000, ge=2)
    #: Keep the plans of the refresh statements on a PostgreSQL connection; `auto`: not behind a pooler.
    PREPARED: Literal["auto", "on", "off"] = "auto"
    #: Seconds a session lives in which somebody acts in the user's name.
    IMPERSONATION_LIFETIME: int = Field(default=3600, ge=60, le=86_400)
    #: Public clients that may log in through allauth's headless API; the first is that of a login that
    #: names none. Empty: nobody may.
    ALLAUTH_CLIENTS: tuple[str, ...] = ()
    #: End the user's families when he logs out of the Django session.
    END_ON_LOGOUT: bool = False
    #: End a user's families when his groups, permissions, is_staff or is_superuser change.
    END_ON_PERMISSION_CHANGE: bool = False
    #: Let the mirror's process do housekeeping that is late, where neither Celery nor cron does it.
    EMBEDDED_TASKS: bool = True
    #: Show a user's sessions and devices in the site's own user admin.
    USER_ADMIN: bool = True

    def model_post_init(self, context: Any, /) -> None:
        if not self.ISSUER and django_settings.DEBUG:
            object.__setattr__(self, "ISSUER", "http://127.0.0.1:8000")
        if not self.ACCOUNT_AUDIENCE:
            object.__setattr__(self, "ACCOUNT_AUDIENCE", self.ISSUER)


def until_settings_change(function: Callable[P, R]) -> Callable[P, R]:
    """Remember what a function returned for its arguments until a setting changes (bounded)."""
    cached = lru_cache(maxsize=128)(function)
    _CACHES.append(cached)
    return cast("Callable[P, R]", cached)


def current() -> Settings:
    """Return the site's settings, those of the current namespace where there are several.

    Raises:
        ImproperlyConfigured: A value has the wrong type or range; each one is named with its path,
            never with its value.
    """
    settings = _of_the_site()
    return settings if settings.NAMESPACE is None else _of_namespace(namespace())


def namespace() -> str:
    """Return the name of the current namespace; empty where the site has no NAMESPACE.

    Raises:
        ImproperlyConfigured: It is no name: lower-case letters, digits, `-` and `_`, at most 63.
    """
    name_of = namespace_of_request()
    if name_of is None:
        return ""
    name = name_of()
    if type(name) is not str or not _NAMESPACE(name):
        raise ImproperlyConfigured("TOKENAUTH[NAMESPACE] returned no name of a namespace")
    return name


@until_settings_change
def namespace_of_request() -> Callable[[], str] | None:
    """Return what names the current namespace, None where there is one site."""
    given = _of_the_site().NAMESPACE
    return import_string(given) if isinstance(given, str) else given


@until_settings_change
def _of_the_site() -> Settings:
    try:
        return Settings(**getattr(django_settings, "TOKENAUTH", {}))
    except ValidationError as invalid:
        lines = [f"TOKENAUTH[{'.'.join(map(str, e['loc']))}]: {e['msg']}" for e in invalid.errors()]
        raise ImproperlyConfigured("; ".join(lines)) from None


@lru_cache(maxsize=1_024)
def _of_namespace(name: str) -> Settings:
    settings = _of_the_site()
    named = {
        key: getattr(settings, key).replace("{namespace}", name) for key in ("ISSUER", "ACCOUNT_AUDIENCE")
    }
    return settings.model_copy(update=named)


_CACHES.append(_of_namespace)


def unknown_keys() -> list[str]:
    """Return the keys of `TOKENAUTH` that mean nothing: a check reports them."""
    return sorted(set(getattr(django_settings, "TOKENAUTH", {})) - set(Settings.model_fields))


def _forget(*, setting: str, **kwargs: object) -> None:
    if setting in {"TOKENAUTH", "CACHES", "DEBUG", "SECRET_KEY", "SECRET_KEY_FALLBACKS"}:
        for cached in _CACHES:
            cached.cache_clear()


setting_changed.connect(_forget, dispatch_uid="tokenauth.conf")
