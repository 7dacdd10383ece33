"""A site whose users have UUIDs and are called by their e-mail addresses."""

import uuid

import pytest

from tests.http import LOGIN, Http
from tests.sites import everyday
from tests.sites.everyday import is_over, rows
from tokenauth.models import TokenFamily, users
from tokenauth.revocation import account_triggers
from tokenauth.tokens.encoding import from_base64url, from_json_object

pytestmark = pytest.mark.django_db(transaction=True)


class TestEndpoints(everyday.Endpoints):
    def test_the_subject_of_a_token_is_the_users_key(self, http: Http, ada, web):
        tokens = http.log_in(ada, web)

        _, payload, _ = tokens["access_token"].split(".")
        subject = from_json_object(from_base64url(payload.encode()))["sub"]

        assert subject == users.key_of(ada) == TokenFamily.objects.get().user_key
        assert uuid.UUID(str(subject)) == ada.pk

    def test_a_user_name_is_nobodys(self, http: Http, ada, web):
        answer = http.post(LOGIN, {"username": "ada", "password": "x", "client_id": "web"})

        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


class TestChangesWithoutTriggers(everyday.ChangesSeenBySignals):
    pass


class TestChangesWithTriggers(everyday.ChangesSeenByTriggers):
    def test_the_trigger_is_there(self):
        assert account_triggers.mode() is account_triggers.Mode.TRIGGERS

    def test_a_deactivated_user_has_no_tokens(self, http: Http, ada, web):
        tokens = http.log_in(ada, web)

        rows(ada).update(is_active=False)

        assert is_over(http, tokens, web)


class TestAdmin(everyday.Admin):
    def test_a_users_page_shows_his_sessions_and_ends_them(self, http: Http, ada, web, operator):
        tokens = http.log_in(ada, web)
        revoking = self.page(type(ada), "tokenauth_revoke", ada.pk)

        content = operator.get(self.page(type(ada), "change", ada.pk)).content.decode()
        assert self.page(TokenFamily, "change", tokens["session_id"]) in content
        assert content.count("field-tokenauth_sessions") == 1
        assert revoking in content
        operator.post(revoking, {"reason": "left"})

        assert is_over(http, tokens, web)
