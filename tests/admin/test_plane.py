"""Who follows the plane, and what an administrator is told after a revocation."""

import pytest
from django.db import connection, transaction
from django.urls import reverse

from tests.admin.test_revoking import act
from tests.processes import a_process
from tests.sessions import log_in
from tokenauth.models import MirrorProcess, Plane, TokenFamily
from tokenauth.revocation import source

pytestmark = pytest.mark.django_db


@pytest.fixture
def quick(settings) -> None:
    settings.TOKENAUTH = {**settings.TOKENAUTH, "STALENESS_BOUND": 0.2}
    source.make_plane(connection)


def listed(browser) -> str:
    return browser.get(reverse("admin:tokenauth_mirrorprocess_changelist")).content.decode()


def told(browser, *rows) -> str:
    answer = act(browser, TokenFamily, "revoke_sessions", *rows, reason="test")
    return browser.get(answer["Location"]).content.decode()


def test_the_list_says_how_many_are_current(admin_client, quick):
    a_process(age=100)
    a_process(pid=8, age=90_000)

    page = listed(admin_client)

    assert "1 of 2 processes are current" in page
    assert "web1:7 (gunicorn)" in page
    assert "web1:8 (gunicorn)" in page


def test_who_is_gone_is_not_listed(admin_client, quick):
    row = a_process()
    MirrorProcess.objects.filter(pk=row.pk).update(reported=Plane.objects.milliseconds() - 61_000)

    assert "web1:7" not in listed(admin_client)


def test_the_list_costs_the_same_for_any_number(admin_client, quick, django_assert_max_num_queries):
    listed(admin_client)
    for pid in range(20):
        a_process(pid=pid)

    with django_assert_max_num_queries(8):
        listed(admin_client)


def test_a_page_of_one_is_to_read(admin_client, quick):
    row = a_process()
    address = reverse("admin:tokenauth_mirrorprocess_change", args=[row.pk])

    assert admin_client.get(address).status_code == 200
    assert admin_client.post(address, {"host": "elsewhere"}).status_code == 403


def test_it_needs_its_permission(client, django_user_model, quick):
    client.force_login(django_user_model.objects.create_user("staff", is_staff=True))

    assert client.get(reverse("admin:tokenauth_mirrorprocess_changelist")).status_code == 403


class TestAfterARevocation:
    def test_it_is_said_who_has_not_applied_it(self, admin_client, session, quick):
        a_process()

        page = told(admin_client, session.family)

        assert "Refused by 0 of 1 processes after 0.7 s." in page
        assert "Not heard of: web1:7 (gunicorn)." in page

    def test_of_many_rows_it_is_waited_for_once(self, admin_client, session, quick, monkeypatch):
        a_process()
        asked = []
        ask = type(Plane.objects.all()).ask_for_reports
        monkeypatch.setattr(
            type(Plane.objects.all()),
            "ask_for_reports",
            lambda self, seconds: asked.append(seconds) or ask(self, seconds),
        )

        told(admin_client, session.family, log_in().family)

        assert asked == [pytest.approx(0.7)]

    def test_where_no_process_says_anything_nothing_is_claimed(self, admin_client, session):
        assert "Refused by" not in told(admin_client, session.family)

    @pytest.mark.django_db(transaction=True)
    def test_in_a_transaction_it_is_said_that_it_takes_effect_with_its_commit(
        self, admin_client, session, quick
    ):
        a_process()
        with transaction.atomic():
            answer = act(admin_client, TokenFamily, "revoke_sessions", session.family, reason="test")
        page = admin_client.get(answer["Location"]).content.decode()

        assert "It takes effect once this request commits, and everywhere within 0.2 s." in page
        assert "Refused by" not in page
