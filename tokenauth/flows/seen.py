"""What a login saw before the password was checked, so that no revocation is overtaken (PROTOCOL 2)."""

from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth import get_user_model
from django.core.exceptions import ObjectDoesNotExist

from tokenauth.models import users
from tokenauth.models.account import AccountState, Site
from tokenauth.models.client import Client
from tokenauth.models.device import Device
from tokenauth.tokens.keyring import database


@dataclass(frozen=True, slots=True)
class Seen:
    """Epochs as they stood when a login began."""

    site: int
    client: int
    #: None where the login did not name its user by USERNAME_FIELD.
    account: int | None = None
    #: The known device that the login named, and its epoch.
    device: tuple[UUID, int] | None = None


def before_authentication(
    *, client_pk: int, username: str | None = None, device_id: str | None = None
) -> Seen:
    """Read what must not have moved when the family is made.

    The same five queries whether the user exists or not: no oracle.

    Args:
        username: The value of USERNAME_FIELD that the login names; None for other backends.
        device_id: As the client sent it.
    """
    alias = database()
    site = Site.objects.using(alias).epoch_now()
    client = Client.objects.using(alias).filter(pk=client_pk).first()
    user_key = _key_of_name(username) if username is not None else None
    account = AccountState.objects.using(alias).epoch_of(user_key or "")
    known = None
    if client is not None:
        devices = Device.objects.using(alias)
        known = devices.known_as(device_id or "", user_key=user_key or "", client=client).first()
    return Seen(
        site=site,
        client=client.epoch if client is not None else 0,
        account=account if user_key is not None else None,
        device=(known.pk, known.epoch) if known is not None else None,
    )


def _key_of_name(username: str) -> str | None:
    try:
        return users.key_of(get_user_model()._default_manager.get_by_natural_key(username))
    except (ObjectDoesNotExist, AttributeError):
        return None
