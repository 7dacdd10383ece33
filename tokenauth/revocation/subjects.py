"""What can be revoked. Levels combine by the latest: no order undoes another."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class OfToken:
    """One access token, by its jti."""

    jti: str


@dataclass(frozen=True, slots=True)
class OfFamily:
    """One session: its family, for good."""

    family_id: UUID


@dataclass(frozen=True, slots=True)
class OfDevice:
    """All sessions of one device; `lost` writes the device off for good."""

    device_id: UUID
    lost: bool = False


@dataclass(frozen=True, slots=True)
class OfUser:
    """All sessions of one account, by its user key."""

    user_key: str


@dataclass(frozen=True, slots=True)
class OfClient:
    """All sessions of one client; `disable` also refuses it from now on."""

    client_id: str
    disable: bool = False


@dataclass(frozen=True, slots=True)
class OfKey:
    """Everything one key signed, for ever."""

    kid: str


@dataclass(frozen=True, slots=True)
class Everything:
    """All sessions of the site."""


@dataclass(frozen=True, slots=True)
class EverythingBefore:
    """All sessions begun before a moment (break-glass)."""

    moment: datetime


Subject = OfToken | OfFamily | OfDevice | OfUser | OfClient | OfKey | Everything | EverythingBefore
