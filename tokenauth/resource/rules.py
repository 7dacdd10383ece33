"""What tokens are held to: the issuer's rules, which the settings here may tighten and never loosen."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from tokenauth.resource.settings import Settings

_LONGEST_LIST = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """In force at one moment."""

    #: Each of these sets has to share a name with the token's audiences.
    audiences: tuple[frozenset[str], ...]
    #: All of which a token carries.
    scopes: frozenset[str]
    #: One of which a token names; None: any.
    acr: frozenset[str] | None
    #: Of the keys that count; empty: all that this release knows.
    algorithms: frozenset[str]
    leeway: int
    #: Seconds, PROTOCOL 3.
    bound: float
    #: Seconds beyond the bound that tokens are accepted while nobody can tell; 0 is `strict`.
    available_seconds: float
    #: By which the issuer knows them; empty where they are this server's own.
    hash: str = ""

    @classmethod
    def of_settings(cls, settings: Settings, *, leeway: int = 10) -> Self:
        """Return the rules of a server that only its own settings tell."""
        return cls(
            audiences=(frozenset(settings.audiences),) if settings.audiences else (),
            scopes=frozenset(settings.scopes),
            acr=frozenset(settings.acr) if settings.acr else None,
            algorithms=frozenset(),
            leeway=leeway,
            bound=settings.bound or 1.0,
            available_seconds=0,
        )

    @classmethod
    def read(cls, members: Mapping[str, Any], settings: Settings, *, hash: str) -> Self:
        """Return the issuer's rules, tightened by the settings.

        Raises:
            ValueError: They are another issuer's, or not of the form that this release knows.
        """
        if members.get("issuer") != settings.issuer:
            raise ValueError("rules of another issuer")
        own = cls.of_settings(settings)
        available = members.get("mode") == "available" and settings.mode == "available"
        return cls(
            # an empty set is one that no token shares a name with
            audiences=(_texts(members.get("audiences")), *own.audiences),
            scopes=_texts(members.get("scopes")) | own.scopes,
            acr=_both(_texts(members.get("acr", [])) or None, own.acr),
            algorithms=_texts(members.get("algorithms")),
            leeway=int(_number(members.get("leeway"), at_most=60)),
            bound=max(0.2, min(_number(members.get("bound"), at_most=60), settings.bound or 60)),
            available_seconds=_number(members.get("available_seconds"), at_most=3600) if available else 0,
            hash=hash,
        )


def _both(theirs: frozenset[str] | None, own: frozenset[str] | None) -> frozenset[str] | None:
    if theirs is None or own is None:
        return own if theirs is None else theirs
    return theirs & own


def _texts(value: object) -> frozenset[str]:
    if type(value) is not list or len(value) > _LONGEST_LIST or not all(type(each) is str for each in value):
        raise ValueError("not a list of texts")
    return frozenset(value)


def _number(value: object, *, at_most: float) -> float:
    if type(value) not in {int, float} or not 0 <= value <= at_most:  # type: ignore[operator]
        raise ValueError("not a number, or out of range")
    return float(value)  # type: ignore[arg-type]
