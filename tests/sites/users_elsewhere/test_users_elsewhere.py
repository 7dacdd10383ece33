"""A site whose users lie in another database than its tokens."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.core.management import call_command
from django.db import connections

from tests.factories import PASSWORD
from tests.http import LOGIN, Http
from tests.sites import everyday
from tests.sites.everyday import is_alive, is_over, rows
from tokenauth import checks
from tokenauth.models import RevocationOrder, TokenFamily, users
from tokenauth.revocation import account_triggers
from tokenauth.revocation.account_triggers import Mode, WhyNot
from tokenauth.tokens.keyring import database

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "people"])


class Slow(ModelBackend):
    """A backend during whose work somebody changes the password by SQL."""

    def authenticate(self, request, username=None, password=None, **more):
        user = super().authenticate(request, username, password, **more)
        if user is not None:
            rows(user).update(password="md5$salt$another")
        return user


def test_they_do():
    tables = {alias: set(connections[alias].introspection.table_names()) for alias in ("default", "people")}

    assert (database(), users.database()) == ("default", "people")
    assert "auth_user" in tables["people"] - tables["default"]
    assert TokenFamily._meta.db_table in tables["default"] - tables["people"]


class TestEndpoints(everyday.Endpoints):
    def test_a_wrong_password_is_refused(self, http: Http, ada, web):
        answer = http.post(LOGIN, {"username": "ada", "password": "wrong", "client_id": "web"})

        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


class TestChanges(everyday.ChangesSeenBySignals):
    def test_signals_do_what_no_trigger_can(self):
        assert account_triggers.why_not() is WhyNot.ELSEWHERE
        assert account_triggers.mode() is Mode.SIGNALS

    def test_a_check_says_what_is_not_seen(self):
        found = checks.accounts.account_changes_are_seen(databases=["default", "people"])

        assert [message.id for message in found] == ["tokenauth.W007"]

    def test_a_deactivated_user_has_no_tokens(self, http: Http, ada, web):
        tokens = http.log_in(ada, web)

        user = get_user_model().objects.get(pk=ada.pk)
        user.is_active = False
        user.save()

        assert is_over(http, tokens, web)
        assert RevocationOrder.objects.filter(key=users.key_of(ada)).exists()

    def test_whom_an_update_deactivated_the_next_refresh_refuses(self, http: Http, ada, web):
        tokens = http.log_in(ada, web)

        rows(ada).update(is_active=False)

        assert http.refresh(tokens, web).json()["reauthenticate"] is True
        assert not is_alive(http, tokens)
        assert TokenFamily.objects.get().cause == "account_gone"

    def test_whom_sql_deleted_the_next_refresh_refuses(self, http: Http, ada, web):
        tokens = http.log_in(ada, web)

        rows(ada)._raw_delete("people")

        assert http.refresh(tokens, web).status_code == 400
        assert not is_alive(http, tokens)

    def test_a_login_does_not_outlive_a_password_that_changes_meanwhile(self, http: Http, ada, web, settings):
        settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Slow"]

        answer = http.post(LOGIN, {"username": "ada", "password": PASSWORD, "client_id": "web"})

        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
        assert not TokenFamily.objects.exists()


class TestAdmin(everyday.Admin):
    pass


def test_migrate_leaves_each_database_what_is_its_own():
    for alias in ("default", "people"):
        call_command("migrate", database=alias, verbosity=0)

    assert account_triggers.mode() is Mode.SIGNALS
