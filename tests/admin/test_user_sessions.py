"""A user's page shows his sessions and devices to whom may see them, and ends them with a reason."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from tests.factories import ClientFactory, UserFactory
from tests.sessions import log_in
from tokenauth.flows import revoke
from tokenauth.models import Client, Device, RevocationOrder, TokenEvent, TokenFamily, users
from tokenauth.revocation.subjects import OfDevice, OfFamily, OfUser

pytestmark = pytest.mark.django_db


def page(user, name="change"):
    return reverse(f"admin:auth_user_{name}", args=[user.pk])


def shown(browser, user):
    answer = browser.get(page(user))
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.fixture
def session():
    return log_in(client=ClientFactory(client_id="web", name="Web Shop"), device="laptop")


@pytest.fixture
def staff(client):
    """Log somebody in who may change users and what is named."""

    def log_in_with(*codenames):
        somebody = UserFactory(is_staff=True)
        names = ["view_user", "change_user", *codenames]
        somebody.user_permissions.set(Permission.objects.filter(codename__in=names))
        client.force_login(somebody)
        return client

    return log_in_with


def test_a_users_page_shows_his_sessions_and_devices(admin_client, session):
    Device.objects.update(name="Ann's laptop", platform="Debian")

    content = shown(admin_client, session.user)

    assert "Web Shop" in content
    assert reverse("admin:tokenauth_tokenfamily_change", args=[session.family_id]) in content
    assert reverse("admin:tokenauth_device_change", args=[session.family.device_id]) in content
    assert content.count("Ann&#x27;s laptop") == 2
    assert "tokenauth-live" in content


@pytest.mark.parametrize(
    ("end", "word"),
    [
        (lambda s: revoke(OfFamily(s.family_id)), "revoked"),
        (lambda s: revoke(OfUser(users.key_of(s.user))), "account changed or revoked"),
        (lambda s: revoke(OfDevice(s.family.device_id)), "revoked"),
        (lambda s: Client.objects.update(disabled_at=timezone.now()), "client disabled"),
        (lambda s: s.age(refresh_expires_at=timedelta(-1)), "expired: unused for too long"),
    ],
    ids=["session", "user", "device", "client", "idle"],
)
def test_what_an_epoch_has_ended_is_not_shown_as_live(admin_client, session, end, word):
    session.age = lambda **moments: TokenFamily.objects.update(
        access_expires_at=timezone.now() - timedelta(days=2),
        **{name: timezone.now() + shift for name, shift in moments.items()},
    )
    assert word not in shown(admin_client, session.user)

    end(session)

    content = shown(admin_client, session.user)
    assert "tokenauth-live" not in content
    assert word in content


def test_live_sessions_come_first_however_old(admin_client, session):
    for number in range(25):
        revoke(OfFamily(log_in(session.user, session.client, device=f"d{number}").family_id))

    content = shown(admin_client, session.user)

    assert content.index("tokenauth-live") < content.index("tokenauth-dead")
    assert content.count("tokenauth-live") + content.count("tokenauth-dead") == 20
    assert f"?user_key__exact={users.key_of(session.user)}" in content


def test_the_link_leads_to_the_sessions_of_this_user_alone(admin_client, session):
    log_in(client=session.client)

    answer = admin_client.get(
        reverse("admin:tokenauth_tokenfamily_changelist"), {"user_key__exact": users.key_of(session.user)}
    )

    assert [family.pk for family in answer.context["cl"].result_list] == [session.family_id]


def test_a_page_costs_the_same_with_1_session_and_with_50(admin_client, session, settings):
    settings.TOKENAUTH = {**settings.TOKENAUTH, "FAMILIES_PER_USER": 10}
    shown(admin_client, session.user)  # what Django caches in the process
    costs = []
    for more in (0, 49):
        for number in range(more):
            log_in(session.user, session.client, device=f"d{number}")
        with CaptureQueriesContext(connection) as sent:
            shown(admin_client, session.user)
        costs.append(len(sent))

    assert TokenFamily.objects.count() == 50
    assert costs[0] == costs[1]
    ours = [query["sql"] for query in sent if "tokenauth_" in query["sql"]]
    assert len(ours) == 7, ours


def test_who_has_never_logged_in_has_none(admin_client):
    content = shown(admin_client, UserFactory())

    assert "this user has not logged in" in content


def test_a_new_user_has_no_sessions_yet(admin_client):
    assert "Token sessions" not in admin_client.get(reverse("admin:auth_user_add")).content.decode()


@pytest.mark.parametrize(
    ("permissions", "sessions", "devices", "revokes"),
    [
        ([], False, False, False),
        (["view_tokenfamily"], True, False, False),
        (["view_device"], False, True, False),
        (["view_tokenfamily", "view_device"], True, True, False),
        (["view_tokenfamily", "revoke"], True, False, True),
        (["revoke"], False, False, False),
    ],
    ids=str,
)
def test_each_sees_what_he_may(staff, session, permissions, sessions, devices, revokes):
    browser = staff(*permissions)

    content = shown(browser, session.user)
    listed = browser.get(reverse("admin:auth_user_changelist")).content.decode()

    assert ("field-tokenauth_sessions" in content) == sessions
    assert ("field-tokenauth_devices" in content) == devices
    assert (page(session.user, "tokenauth_revoke") in content) == revokes
    assert ("tokenauth_revoke_users" in listed) == revokes


def test_the_page_before_it_shows_who_is_hit_and_asks_why(admin_client, session):
    answer = admin_client.get(page(session.user, "tokenauth_revoke"))

    content = answer.content.decode()
    assert "Revoke all sessions of this user" in content
    assert "Live sessions that end: 1." in content
    assert f'href="{page(session.user)}"' in content
    assert session.accepts()


def by_link(browser, user, **form):
    return browser.post(page(user, "tokenauth_revoke"), form)


def by_action(browser, user, **form):
    chosen = {"action": "tokenauth_revoke_users", "_selected_action": [user.pk], **form}
    return browser.post(reverse("admin:auth_user_changelist"), chosen)


@pytest.mark.parametrize("act", [by_link, by_action])
def test_all_sessions_of_a_user_are_revoked_with_a_reason(admin_client, admin_user, session, act):
    other = log_in(client=session.client)

    refused = act(admin_client, session.user, reason=" ")
    assert (refused.status_code, session.accepts()) == (200, True)
    answer = act(admin_client, session.user, reason="left the company")

    assert answer.status_code == 302
    assert (session.is_dead(), other.accepts()) == (True, True)
    order, event = RevocationOrder.objects.get(), TokenEvent.objects.latest("id")
    assert order.key == users.key_of(session.user)
    assert (event.actor, event.data) == (
        f"admin:{users.key_of(admin_user)}",
        {"reason": "left the company"},
    )
    entry = LogEntry.objects.get()
    assert entry.get_edited_object() == session.user
    assert entry.change_message.endswith(": left the company")


def test_the_link_leads_back_to_the_user(admin_client, session):
    answer = by_link(admin_client, session.user, reason="lost")

    assert answer.url == page(session.user)
    assert "1 was revoked." in admin_client.get(answer.url).content.decode()


@pytest.mark.parametrize("act", [by_link, by_action])
@pytest.mark.parametrize("permissions", [[], ["view_tokenfamily"], ["revoke"]], ids=str)
def test_whoever_may_not_revoke_does_not(staff, session, act, permissions):
    act(staff(*permissions), session.user, reason="because")

    assert session.accepts()
    assert LogEntry.objects.count() == 0


def test_nobody_of_that_key_is_revoked(admin_client, session):
    address = page(session.user, "tokenauth_revoke").replace(str(session.user.pk), "99999999")

    assert admin_client.post(address, {"reason": "x"}).status_code == 403
