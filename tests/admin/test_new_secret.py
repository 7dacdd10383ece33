"""A client's new secret: shown once, by the answer to the page that asked for it."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from tests.factories import ClientFactory, UserFactory, secret_of
from tokenauth.models import Client, ClientSecret, TokenEvent
from tokenauth.models.event import EventKind
from tokenauth.policy.clients import Authenticated, authenticated

pytestmark = pytest.mark.django_db

ASKED = {"asked": "yes"}


@pytest.fixture
def api():
    return ClientFactory(client_id="api", name="Orders", resource=True)


def page(client):
    return reverse("admin:tokenauth_client_act", args=[client.pk, "make_secret"])


def shown_secret(answer):
    return answer.content.decode().partition('class="tokenauth-secret">')[2].partition("<")[0]


def lets_in(client, secret):
    return isinstance(authenticated(client.client_id, secret, at=timezone.now()), Authenticated)


def test_the_clients_page_leads_to_a_page_that_makes_none(admin_client, api):
    change = admin_client.get(reverse("admin:tokenauth_client_change", args=[api.pk]))
    assert page(api) in change.content.decode()

    asked = admin_client.get(page(api))

    assert asked.status_code == 200
    assert "The next page shows a new secret of Orders, once." in asked.content.decode()
    assert not ClientSecret.objects.exists()


def test_its_answer_shows_the_secret_and_the_client_is_let_in(admin_client, admin_user, api):
    answer = admin_client.post(page(api), ASKED)

    secret = shown_secret(answer)
    assert lets_in(api, secret)
    assert "no-store" in answer["Cache-Control"]
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_id) == (admin_user, str(api.pk))
    assert entry.change_message == f"Made the secret …{secret[-4:]}."
    assert TokenEvent.objects.get(kind=EventKind.SECRET_MADE).actor == f"admin:{admin_user.pk}"


def test_nothing_shows_it_again(admin_client, api):
    secret = shown_secret(admin_client.post(page(api), ASKED))

    pages = [
        page(api),
        reverse("admin:tokenauth_client_change", args=[api.pk]),
        reverse("admin:tokenauth_client_history", args=[api.pk]),
        reverse("admin:tokenauth_clientsecret_changelist"),
        reverse("admin:tokenauth_clientsecret_change", args=[ClientSecret.objects.get().pk]),
    ]

    assert not any(secret in admin_client.get(address).content.decode() for address in pages)


def test_an_error_page_would_not_show_it(admin_client, api):
    answer = admin_client.post(page(api), ASKED)

    assert repr(answer.context["secret"]) == "<hidden>"


def test_it_may_end_by_itself(admin_client, api, clock):
    secret = shown_secret(admin_client.post(page(api), {**ASKED, "days": "1"}))

    assert lets_in(api, secret)
    clock.shift(86_400)
    assert not lets_in(api, secret)


@pytest.mark.parametrize("days", ["0", "-1", "3651", "soon", "1e9"])
def test_within_reason(admin_client, api, days):
    answer = admin_client.post(page(api), {**ASKED, "days": days})

    assert "errorlist" in answer.content.decode()
    assert not ClientSecret.objects.exists()


def test_a_third_is_not_made(admin_client, api):
    secret_of(api)
    secret_of(api)

    for answer in (admin_client.get(page(api)), admin_client.post(page(api), ASKED)):
        assert "has 2 live secrets" in answer.content.decode()
        assert 'type="submit" value="Make' not in answer.content.decode()
    assert ClientSecret.objects.count() == 2
    assert not LogEntry.objects.exists()


def test_it_says_what_a_secret_means_to_a_public_client(admin_client, api):
    web = ClientFactory()

    assert "is a public client" in admin_client.get(page(web)).content.decode()
    assert "is a public client" not in admin_client.get(page(api)).content.decode()


def test_it_says_that_the_client_is_disabled(admin_client, api):
    Client.objects.update(disabled_at=timezone.now())

    assert "The client is disabled" in admin_client.post(page(api), ASKED).content.decode()


def test_the_list_makes_one_of_one_client(admin_client, api):
    address = reverse("admin:tokenauth_client_changelist")
    ClientFactory()
    chosen = {"action": "make_secret", "_selected_action": [api.pk]}

    asked = admin_client.post(address, chosen)
    assert not ClientSecret.objects.exists()
    answer = admin_client.post(address, {**chosen, **ASKED})
    both = admin_client.post(
        address, {**chosen, **ASKED, "_selected_action": [c.pk for c in Client.objects.all()]}, follow=True
    )

    assert 'name="asked"' in asked.content.decode()
    assert lets_in(api, shown_secret(answer))
    assert "Select one client" in both.content.decode()
    assert ClientSecret.objects.count() == 1


@pytest.mark.parametrize("permissions", [["view_client"], ["view_client", "revoke"], ["add_clientsecret"]])
def test_it_takes_the_permission_to_change_clients(client, api, permissions):
    staff = UserFactory(is_staff=True)
    staff.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(staff)

    assert client.post(page(api), ASKED).status_code == 403
    assert not ClientSecret.objects.exists()


def test_that_permission_is_enough(client, api):
    staff = UserFactory(is_staff=True)
    staff.user_permissions.set(Permission.objects.filter(codename__in=["view_client", "change_client"]))
    client.force_login(staff)

    assert lets_in(api, shown_secret(client.post(page(api), ASKED)))


def test_another_sites_page_makes_none(admin_user, api):
    browser = Browser(enforce_csrf_checks=True)
    browser.force_login(admin_user)

    assert browser.post(page(api), ASKED).status_code == 403
    assert not ClientSecret.objects.exists()
