"""What a request asks for, once it was parsed and its client authenticated."""

from dataclasses import dataclass, field

from tokenauth.models.family import Transport
from tokenauth.policy.clients import KnownClient


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from: facts for risk and trail, never a reason to let in."""

    #: Parsed network address, None where it is unknown.
    address: str | None = None
    agent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a refresh asks beside the token it shows."""

    client: KnownClient
    #: As the client sent it: our public id or its own installation id; None where it sent none.
    device_id: str | None = None
    #: Space-separated; None for all that was granted.
    scope: str | None = None
    #: Empty for all that was granted.
    audience: tuple[str, ...] = ()
    #: Idempotency-Key, None without one.
    key: str | None = field(default=None, repr=False)
    transport: Transport = Transport.BODY
    origin: Origin = Origin()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceAsked:
    """What a login says of the device it runs on."""

    #: Our public id or the client's own installation id; None where it sent none.
    id: str | None = None
    name: str = ""
    platform: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginAsked:
    """What a login asks for beside who logs in."""

    client: KnownClient
    device: DeviceAsked = DeviceAsked()
    scope: str | None = None
    audience: tuple[str, ...] = ()
    #: Whether an Idempotency-Key came with the login; it makes the family exact where policy says so.
    key_was_sent: bool = False
    transport: Transport = Transport.BODY
    origin: Origin = Origin()
    acr: str = ""
    amr: tuple[str, ...] = ()
    #: User key of who acts in the user's name.
    impersonator: str = ""
