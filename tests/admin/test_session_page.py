"""A session's page shows what happened to it and what ended it; a row's own page revokes it."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Permission
from django.urls import reverse

from tests.admin.revocations import NARROW, WIDE, names
from tests.factories import ClientFactory, UserFactory
from tests.sessions import log_in
from tokenauth.flows import revoke
from tokenauth.models import (
    Client,
    ClientSecret,
    RevocationOrder,
    TokenEvent,
    TokenFamily,
    users,
)
from tokenauth.revocation.subjects import Everything, OfClient, OfDevice, OfFamily, OfUser

pytestmark = pytest.mark.django_db


def page(row, name="change", *args):
    return reverse(f"admin:tokenauth_{row._meta.model_name}_{name}", args=[quote(row.pk), *args])


def shown(browser, row):
    answer = browser.get(page(row))
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_page_shows_the_lineage_with_a_line_for_each_generation(admin_client, session):
    session.refresh()
    session.refresh()

    content = shown(admin_client, session.family)

    events = TokenEvent.objects.of_family(session.family_id)
    assert [event.generation for event in events] == [0, 1, 2]
    assert all(page(event) in content for event in events)
    assert "tokenauth-live" in content
    assert ">ada</a>" in content


@pytest.mark.parametrize(
    "subject",
    [
        lambda s: OfFamily(s.family_id),
        lambda s: OfDevice(s.family.device_id),
        lambda s: OfDevice(s.family.device_id, lost=True),
        lambda s: OfUser(users.key_of(s.user)),
        lambda s: OfClient("web"),
        lambda s: OfClient("web", disable=True),
        lambda s: Everything(),
    ],
    ids=["session", "device", "lost", "user", "client", "disabled", "everything"],
)
def test_a_dead_session_says_who_ended_it_and_why_whatever_the_level(
    admin_client, admin_user, session, subject
):
    other = log_in(client=ClientFactory(), device="other")
    others = OfUser("somebody else"), OfClient(other.client.client_id), OfDevice(other.family.device_id)

    revoke(subject(session), reason="left in a taxi", actor=f"admin:{users.key_of(admin_user)}")
    for another in others:
        revoke(another, reason="another matter", actor="nobody")

    content = shown(admin_client, session.family)
    row = content.split("field-ended_by")[1].split("</div>")[0:4]
    assert "“left in a taxi”" in "".join(row)
    assert f"by {admin_user.get_username()} (administrator)" in "".join(row)
    assert "another matter" not in content


def test_a_session_in_a_users_name_ends_with_the_account_of_who_acts_in_it(admin_client, session):
    TokenFamily.objects.update(impersonator="7")
    assert "tokenauth-live" in shown(admin_client, session.family)

    revoke(OfUser("7"), reason="left the support team", actor="somebody")

    content = shown(admin_client, session.family)
    assert "tokenauth-live" not in content
    assert "left the support team" in content


def test_a_live_session_was_ended_by_nobody(admin_client, session):
    revoke(OfUser("somebody else"), reason="another matter", actor="nobody")

    assert "another matter" not in shown(admin_client, session.family)


def test_a_user_who_is_gone_is_named_by_his_key(admin_client, session):
    key = users.key_of(session.user)
    session.user.delete()

    assert f"{key} <span" in shown(admin_client, session.family)


@pytest.mark.parametrize(("model", "action", "rows"), [*NARROW, *WIDE], ids=names)
def test_the_page_of_a_row_revokes_it_with_a_reason(admin_client, session, model, action, rows):
    row = rows().get()
    address = page(row, "act", action)
    assert address in shown(admin_client, row)

    asked = admin_client.get(address)
    refused = admin_client.post(address, {"reason": " "})
    assert (asked.status_code, refused.status_code, session.accepts()) == (200, 200, True)
    assert f'href="{page(row)}"' in asked.content.decode()
    answer = admin_client.post(address, {"reason": "stolen"})

    assert (answer.status_code, answer.url) == (302, page(row))
    entry = LogEntry.objects.get()
    assert entry.object_id == str(row.pk)
    assert entry.change_message.endswith(": stolen")
    if model is not ClientSecret:
        assert not session.accepts()


@pytest.mark.parametrize("permissions", [[], ["view_tokenfamily"], ["revoke"]], ids=str)
def test_whoever_may_not_revoke_does_not_by_the_address_either(client, session, permissions):
    staff = UserFactory(is_staff=True)
    staff.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(staff)

    answer = client.post(page(session.family, "act", "revoke_sessions"), {"reason": "because"})

    assert answer.status_code == 403
    assert session.accepts()
    assert RevocationOrder.objects.count() == LogEntry.objects.count() == 0


@pytest.mark.parametrize("action", ["enable_clients", "delete_selected", "delete_model", "get_queryset"])
def test_nothing_but_what_the_page_offers_is_done_by_an_address(admin_client, session, action):
    client = Client.objects.get()
    Client.objects.update(disabled_at=client.created_at)

    assert admin_client.get(page(client, "act", action)).status_code == 403
    assert admin_client.post(page(client, "act", action), {"reason": "x"}).status_code == 403

    assert Client.objects.get().disabled_at is not None
