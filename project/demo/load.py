"""Load the demo's users, clients and devices; what is there already is kept."""

from django.contrib.auth import get_user_model
from django.utils import timezone

from project.demo import data, vault
from tokenauth.flows import clients
from tokenauth.models import Client, ClientSecret, Device


def load() -> None:
    """Make what is missing, and bring a changed audience or policy up to date."""
    _user(data.ADMIN, staff=True)
    for username in data.USERS:
        _user(username)
    for wanted in data.CLIENTS:
        _client(wanted)
    for device in data.DEVICES:
        _device(device)


def _user(username: str, *, staff: bool = False) -> None:
    users = get_user_model().objects
    user, _ = users.get_or_create(
        username=username,
        defaults={"email": f"{username}@shop.example", "is_staff": staff, "is_superuser": staff},
    )
    password = vault.password(username)
    if not user.check_password(password):
        user.set_password(password)
        user.save(update_fields=["password"])


def _client(wanted: data.DemoClient) -> None:
    client, _ = Client.objects.update_or_create(
        client_id=wanted.client_id,
        defaults={
            "name": wanted.name,
            "kind": wanted.kind,
            "first_party": wanted.first_party,
            "policy": wanted.policy,
            "audiences": wanted.audiences,
            "scopes": list(wanted.scopes),
        },
    )
    if wanted.confidential and not _secret_is_live(client):
        vault.keep_client_secret(client.client_id, clients.make_secret(client, actor="demo"))


def _secret_is_live(client: Client) -> bool:
    # another database, or a new file: the secret we remember is not the one that is stored
    secret = vault.client_secret(client.client_id)
    live = ClientSecret.objects.live(at=timezone.now()).filter(client=client)
    return secret is not None and live.filter(tail=secret[-4:]).exists()


def _device(wanted: data.DemoDevice) -> None:
    user = get_user_model().objects.get(username=wanted.username)
    Device.objects.get_or_create(
        user_key=str(user.pk),
        client=Client.objects.get(client_id=wanted.client_id),
        installation=wanted.installation,
        defaults={"name": wanted.name, "platform": wanted.platform, "created_at": timezone.now()},
    )
