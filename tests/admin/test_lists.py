"""Every model has its list, search and page; nothing that only flows write can be written there."""

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.urls import reverse

from tests.factories import ClientFactory, UserFactory, secret_of
from tests.sessions import log_in
from tokenauth.flows import revoke
from tokenauth.models import Client, Device, KeyRecord, RevocationOrder, Site, TokenEvent, TokenFamily, users
from tokenauth.models.key import KeyState
from tokenauth.models.upgrade import PasswordUpgrade
from tokenauth.revocation.subjects import OfUser

pytestmark = pytest.mark.django_db

#: Marks of re-encoded passwords carry ends of hashes: they are nobody's to look at.
HIDDEN = {PasswordUpgrade}
MODELS = [model for model in apps.get_app_config("tokenauth").get_models() if model not in HIDDEN]


@pytest.fixture
def world(admin_client):
    """One row of everything."""
    client = ClientFactory(client_id="web", confidential=True)
    secret_of(client)
    session = log_in(client=client, device="laptop")
    revoke(OfUser("somebody"))
    return session


def page(model, name="changelist", *args):
    return reverse(f"admin:tokenauth_{model._meta.model_name}_{name}", args=args)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_list_answers(admin_client, world, model):
    assert admin_client.get(page(model)).status_code == 200


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
@pytest.mark.parametrize(
    "sought", ["web", "1", "018f0000-0000-7000-8000-000000000000", "192.0.2.1", "x'\x00\"%"]
)
def test_every_search_answers(admin_client, world, model, sought):
    assert admin_client.get(page(model), {"q": sought}).status_code == 200


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_row_has_a_page_without_secrets(admin_client, world, model):
    row = model._base_manager.first()
    if row is None:
        pytest.skip("no row of it yet")

    content = admin_client.get(page(model, "change", row.pk)).content.decode()

    family = world.family
    assert world.pair.refresh_token not in content
    for secret in (bytes(family.secret).hex(), repr(bytes(family.secret))):
        assert secret not in content


@pytest.mark.parametrize("model", [m for m in MODELS if m is not Client], ids=lambda model: model.__name__)
def test_only_clients_are_written_here(admin_client, rf, model):
    registered = admin.site._registry[model]
    request = rf.get("/")
    request.user = UserFactory(is_staff=True, is_superuser=True)

    assert not registered.has_add_permission(request)
    assert not registered.has_change_permission(request)
    assert not registered.has_delete_permission(request)


def act(admin_client, model, action, *rows, reason="stolen"):
    form = {"action": action, "_selected_action": [str(row.pk) for row in rows], "reason": reason}
    return admin_client.post(page(model), form)


@pytest.mark.parametrize(
    ("model", "action", "rows"),
    [
        (TokenFamily, "revoke_sessions", TokenFamily.objects.all),
        (TokenFamily, "revoke_users", TokenFamily.objects.all),
        (Device, "revoke_devices", Device.objects.all),
        (Device, "lose_devices", Device.objects.all),
        (Client, "revoke_clients", Client.objects.all),
        (Client, "disable_clients", Client.objects.all),
        (KeyRecord, "kill_keys", KeyRecord.objects.filter(purpose="access", state=KeyState.ACTIVE).all),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_action_revokes_with_a_reason(admin_client, world, model, action, rows):
    answer = act(admin_client, model, action, *rows())

    assert answer.status_code == 302
    assert not world.accepts()
    event = TokenEvent.objects.exclude(actor="").latest("id")
    assert event.actor.startswith("admin:")
    assert "stolen" in str(TokenEvent.objects.filter(actor=event.actor).values_list("data", flat=True))


def test_everything_is_revoked_from_the_sites_row(admin_client, world):
    site = Site.objects.create(pk=1)

    act(admin_client, Site, "revoke_everything", site)

    assert not world.accepts()


def test_whoever_may_only_look_may_not_revoke(client, world):
    support = UserFactory(is_staff=True)
    support.user_permissions.add(Permission.objects.get(codename="view_tokenfamily"))
    client.force_login(support)

    act(client, TokenFamily, "revoke_sessions", world.family)

    assert world.accepts()
    assert RevocationOrder.objects.filter(key=str(world.family_id)).count() == 0


def test_a_client_is_made_and_known_at_once(admin_client):
    form = {
        "client_id": "app",
        "name": "App",
        "kind": "web",
        "first_party": "on",
        "policy": "browser",
        "audiences": "[]",
        "acr": "[]",
        "scopes": '["a"]',
    }
    admin_client.post(page(Client, "add"), form)
    bad = admin_client.post(page(Client, "add"), {**form, "client_id": "other", "scopes": '["a b"]'})

    assert log_in(client=Client.objects.get()).accepts()
    assert bad.status_code == 200
    assert users.key_of(UserFactory())
