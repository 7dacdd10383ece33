"""The rules for a client: the built-in policies (REFERENCE T2) and a site's overrides of them."""

import logging
from collections.abc import Mapping
from typing import Any, Literal

from django.core.exceptions import ImproperlyConfigured
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tokenauth import conf
from tokenauth.errors import UnknownPolicy
from tokenauth.observability import log


class Policy(BaseModel):
    """What one client's families may do. All times in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    #: Life of an access token.
    access: int = Field(default=300, ge=10, le=86_400)
    #: Life of a refresh token that is not used.
    idle: int = Field(default=7 * 86_400, ge=10)
    #: Life of a family however often it rotates.
    absolute: int = Field(default=30 * 86_400, ge=10)
    #: W: how long the parent of the newest generation gets the same answer again.
    grace: float = Field(default=10, ge=0, le=300)
    #: S: consecutive generations that may be shown twice.
    overlaps: int = Field(default=3, ge=0, le=20)
    #: `exact`: a repeat only for the same Idempotency-Key.
    repeat: Literal["window", "exact", "exact_if_key"] = "window"
    device: Literal["optional", "required"] = "optional"
    #: A new login of the same device ends the former family, or lives beside it.
    same_device: Literal["replace", "allow"] = "replace"
    proof: Literal["none", "required"] = "none"
    #: When a rotation revokes the access tokens that came before it.
    supersede: Literal["early", "always", "never"] = "early"
    #: What a token newer than the database gets.
    behind: Literal["adopt", "reauthenticate"] = "adopt"
    #: How other services learn of revocations.
    elsewhere: Literal["feed", "introspect"] = "feed"
    #: How old a login may be that ends other sessions.
    sensitive_max_age: int = Field(default=900, ge=0)

    def makes_exact(self, *, key_was_sent: bool) -> bool:
        """Whether a login with or without an Idempotency-Key makes an exact family."""
        return self.repeat == "exact" or (self.repeat == "exact_if_key" and key_was_sent)

    @property
    def margin(self) -> float:
        """Seconds an access token must have left to be handed out again: max(W, 10)."""
        return max(self.grace, 10.0)


_DAY = 86_400

BUILTIN: Mapping[str, Policy] = {
    "browser": Policy(name="browser"),
    "mobile": Policy(name="mobile", idle=14 * _DAY, repeat="exact_if_key"),
    "service": Policy(name="service", idle=_DAY, repeat="exact_if_key", same_device="allow"),
    "high-security": Policy(
        name="high-security",
        access=120,
        idle=3600,
        absolute=_DAY,
        grace=0,
        overlaps=0,
        repeat="exact",
        device="required",
        proof="required",
        supersede="always",
        behind="reauthenticate",
        elsewhere="introspect",
        sensitive_max_age=300,
    ),
}


def named(name: str) -> Policy:
    """Return the policy of that name, `DEFAULT_POLICY` for the empty one.

    Raises:
        UnknownPolicy: Neither REFERENCE T2 nor `TOKENAUTH["POLICIES"]` has it.
        ImproperlyConfigured: An override has a wrong key, type or range.
    """
    return _resolved(name or conf.current().DEFAULT_POLICY)


def named_or_default(name: str) -> Policy:
    """Return the policy of that name; `DEFAULT_POLICY` where the site dropped it while clients or
    families still name it.

    A log line says so, once a process for each name.
    """
    try:
        return named(name)
    except UnknownPolicy:
        return _instead_of(name)


@conf.until_settings_change
def _instead_of(name: str) -> Policy:
    log.note("unknown_policy", level=logging.ERROR, policy=name)
    return named("")


@conf.until_settings_change
def _resolved(name: str) -> Policy:
    return _with_overrides(name, conf.current().POLICIES)


def all_names() -> list[str]:
    """Return the names of all policies in force."""
    return sorted({*BUILTIN, *conf.current().POLICIES})


def longest_access() -> int:
    """Return the longest access lifetime (seconds) that any policy in force gives."""
    return max(named(name).access for name in all_names())


def _with_overrides(name: str, overrides: Mapping[str, Mapping[str, Any]]) -> Policy:
    if name not in overrides:
        if name not in BUILTIN:
            raise UnknownPolicy(name)
        return BUILTIN[name]
    changes = dict(overrides[name])
    base = changes.pop("base", name if name in BUILTIN else "browser")
    if base not in BUILTIN:
        raise UnknownPolicy(base)
    try:
        return Policy.model_validate({**BUILTIN[base].model_dump(), **changes, "name": name})
    except ValidationError as invalid:
        lines = [
            f"TOKENAUTH[POLICIES.{name}.{'.'.join(map(str, e['loc']))}]: {e['msg']}" for e in invalid.errors()
        ]
        raise ImproperlyConfigured("; ".join(lines)) from None
