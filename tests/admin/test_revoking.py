"""Before anything is revoked a page shows what, and asks why; support reaches nobody but whom it helps."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.urls import reverse

from tests.admin.revocations import NARROW, WIDE, names
from tests.factories import UserFactory
from tests.sessions import log_in
from tokenauth.admin import revoking
from tokenauth.management.commands.tokenauth_groups import AUDITOR, SECURITY, SUPPORT
from tokenauth.models import (
    ClientSecret,
    Device,
    KeyRecord,
    RevocationOrder,
    TokenEvent,
    TokenFamily,
    users,
)

pytestmark = pytest.mark.django_db


def act(browser, model, action, *rows, **form):
    address = reverse(f"admin:tokenauth_{model._meta.model_name}_changelist")
    return browser.post(
        address, {"action": action, "_selected_action": [str(row.pk) for row in rows], **form}
    )


@pytest.mark.parametrize(("model", "action", "rows"), NARROW + WIDE, ids=names)
def test_a_page_shows_what_is_hit_and_asks_why(admin_client, session, model, action, rows):
    answer = act(admin_client, model, action, *rows())

    content = answer.content.decode()
    assert answer.status_code == 200
    assert "1 is hit" in content
    assert 'name="reason"' in content
    assert ("Live sessions that end: 1." in content) == (model not in (KeyRecord, ClientSecret))
    assert session.accepts()
    assert LogEntry.objects.count() == 0


@pytest.mark.parametrize(("model", "action", "rows"), NARROW + WIDE, ids=names)
@pytest.mark.parametrize("reason", ["", "   ", "x" * 201, "a\x00b"], ids=["none", "blank", "long", "nul"])
def test_nothing_is_revoked_without_a_reason(admin_client, session, model, action, rows, reason):
    answer = act(admin_client, model, action, *rows(), reason=reason)

    assert answer.status_code == 200
    assert "errorlist" in answer.content.decode()
    assert session.accepts()
    assert RevocationOrder.objects.count() == LogEntry.objects.count() == 0


@pytest.mark.parametrize(("model", "action", "rows"), NARROW + WIDE, ids=names)
def test_the_admins_own_log_says_who_did_what_and_why(admin_client, admin_user, session, model, action, rows):
    row = rows().get()

    assert act(admin_client, model, action, row, reason="stolen <b>").status_code == 302

    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_id) == (admin_user, str(row.pk))
    assert entry.get_edited_object() == row
    assert entry.change_message.endswith(": stolen <b>")
    assert TokenEvent.objects.filter(actor=f"admin:{users.key_of(admin_user)}").exists()


def test_a_user_of_many_sessions_is_revoked_once(admin_client, session):
    log_in(session.user, session.client, device="phone")
    families = TokenFamily.objects.all()

    page = act(admin_client, TokenFamily, "revoke_users", *families).content.decode()
    act(admin_client, TokenFamily, "revoke_users", *families, reason="left")

    assert "1 is hit" in page
    assert "Live sessions that end: 2." in page
    assert RevocationOrder.objects.get().key == users.key_of(session.user)


def test_what_the_page_showed_is_hit_and_nothing_that_came_after_it(admin_client, session, monkeypatch):
    monkeypatch.setattr(revoking, "MOST_AT_ONCE", 2)
    for number in range(3):
        log_in(client=session.client, device=f"d{number}")

    page = act(
        admin_client, TokenFamily, "revoke_sessions", session.family, select_across="1"
    ).content.decode()

    assert "these are the first 2" in page
    assert page.count('name="_selected_action"') == 2
    assert "select_across" not in page


def test_a_row_that_went_meanwhile_fails_no_other(admin_client, session, monkeypatch):
    other = log_in(client=session.client, device="phone")
    gone, plain = other.family.device_id, revoking.revoke

    def revoke(subject, **why):
        if subject.device_id == gone:
            raise LookupError("no such device")
        return plain(subject, **why)

    monkeypatch.setattr(revoking, "revoke", revoke)
    act(admin_client, Device, "revoke_devices", *Device.objects.all(), reason="stolen")

    assert (session.accepts(), other.accepts()) == (False, True)
    assert LogEntry.objects.count() == 1


@pytest.fixture
def member(client):
    """Log a member of one of the groups in."""
    call_command("tokenauth_groups")

    def log_in_as(group):
        user = UserFactory(is_staff=True)
        user.groups.add(Group.objects.get(name=group))
        client.force_login(user)
        return client

    return log_in_as


@pytest.mark.parametrize(("model", "action", "rows"), NARROW + WIDE, ids=names)
@pytest.mark.parametrize("group", [SUPPORT, SECURITY, AUDITOR])
def test_each_group_revokes_what_it_may(member, session, group, model, action, rows):
    allowed = group == SECURITY or (group == SUPPORT and (model, action, rows) in NARROW)

    act(member(group), model, action, *rows(), reason="stolen")

    assert LogEntry.objects.exists() == allowed
    if model is not ClientSecret:
        assert session.accepts() != allowed


@pytest.mark.parametrize("group", [SUPPORT, SECURITY, AUDITOR])
def test_each_group_sees_sessions_and_no_one_but_security_writes_clients(member, session, group):
    browser = member(group)

    page = browser.get(reverse("admin:tokenauth_tokenfamily_changelist"))
    form = browser.get(reverse("admin:tokenauth_client_add"))

    assert page.status_code == 200
    assert form.status_code == (200 if group == SECURITY else 403)


def test_support_sees_no_keys(member, session):
    assert member(SUPPORT).get(reverse("admin:tokenauth_keyrecord_changelist")).status_code == 403


def test_whoever_has_no_group_sees_nothing(client, session):
    client.force_login(UserFactory(is_staff=True))

    assert act(client, TokenFamily, "revoke_sessions", session.family, reason="x").status_code == 403
    assert session.accepts()
