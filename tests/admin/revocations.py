"""The actions of the admin that revoke, with the rows that each is done to."""

from tokenauth.models import Client, ClientSecret, Device, KeyRecord, Site, TokenFamily
from tokenauth.models.key import KeyState


def access_keys():
    return KeyRecord.objects.filter(purpose="access", state=KeyState.ACTIVE)


#: What support may do: it concerns one user.
NARROW = [
    (TokenFamily, "revoke_sessions", TokenFamily.objects.all),
    (TokenFamily, "revoke_users", TokenFamily.objects.all),
    (Device, "revoke_devices", Device.objects.all),
    (Device, "lose_devices", Device.objects.all),
]
#: What also needs the model's change permission.
WIDE = [
    (Client, "revoke_clients", Client.objects.all),
    (Client, "disable_clients", Client.objects.all),
    (ClientSecret, "retire_secrets", ClientSecret.objects.all),
    (KeyRecord, "kill_keys", access_keys),
    (Site, "revoke_everything", Site.objects.all),
]


def names(value):
    """What pytest calls a case: by its action."""
    return value if isinstance(value, str) else ""
