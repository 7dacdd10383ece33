"""What a login saw before the password was checked, so that no revocation is overtaken (PROTOCOL 2)."""

from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from django.contrib.auth import get_user_model
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Case, When

from tokenauth.models import users
from tokenauth.models.account import AccountState, Site
from tokenauth.models.client import Client
from tokenauth.models.device import Device
from tokenauth.tokens.keyring import database

#: Devices of different users that one installation id may name; a good one names one.
MOST_DEVICES = 100


class SeenDevice(NamedTuple):
    """A device as it stood when a login began."""

    pk: UUID
    epoch: int
    user_key: str


@dataclass(frozen=True, slots=True)
class Seen:
    """Epochs as they stood when a login began."""

    site: int
    client: int
    #: Whom the login named by USERNAME_FIELD; None where it named nobody that way.
    user_key: str | None = None
    #: His epoch. Another user may be authenticated: a name can be somebody's e-mail address.
    account: int | None = None
    #: Every device that the sent id may mean, whoever's it is.
    devices: tuple[SeenDevice, ...] = ()

    @property
    def device(self) -> SeenDevice | None:
        """The known device of whom the login named."""
        return next((device for device in self.devices if device.user_key == self.user_key), None)

    def devices_of(self, user_key: str) -> dict[UUID, int]:
        """Return the epochs of one user's devices among them."""
        return {device.pk: device.epoch for device in self.devices if device.user_key == user_key}


def before_authentication(
    *, client_pk: int, username: str | None = None, device_id: str | None = None
) -> Seen:
    """Read what must not have moved when the family is made.

    The same queries whether the user exists or not: no oracle.

    Args:
        username: The value of USERNAME_FIELD that the login names; None for other backends.
        device_id: As the client sent it.
    """
    alias = database()
    site = Site.objects.using(alias).epoch_now()
    client = Client.objects.using(alias).filter(pk=client_pk).first()
    user_key = _key_of_name(username) if username is not None else None
    account = AccountState.objects.using(alias).epoch_of(user_key or "")
    # his own first: else namesakes of his device could push it out
    own_first = Case(When(user_key=user_key or "", then=0), default=1)
    called_so = Device.objects.using(alias).called(device_id or "", client_pk=client_pk)
    devices = list(called_so.order_by(own_first, "-created_at")[:MOST_DEVICES])
    return Seen(
        site=site,
        client=client.epoch if client is not None else 0,
        user_key=user_key,
        account=account if user_key is not None else None,
        devices=tuple(SeenDevice(device.pk, device.epoch, device.user_key) for device in devices),
    )


def _key_of_name(username: str) -> str | None:
    try:
        return users.key_of(get_user_model()._default_manager.get_by_natural_key(username))
    except (ObjectDoesNotExist, AttributeError):
        return None
