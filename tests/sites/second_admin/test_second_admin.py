"""A site whose operators have an admin of their own."""

import pytest
from django.contrib.admin.models import LogEntry

from tests.http import Http
from tests.sites import everyday
from tokenauth.models import Device, TokenEvent, TokenFamily

pytestmark = pytest.mark.django_db(transaction=True)


class TestFirst(everyday.Admin):
    pass


class TestSecond(everyday.Admin):
    site = "operators"

    def test_its_pages_lead_nowhere_else(self, http: Http, ada, web, operator):
        tokens = http.log_in(ada, web)
        form = {"action": "revoke_sessions", "_selected_action": [tokens["session_id"]]}
        pages = [
            operator.get("/operators/tokenauth/"),
            operator.get(self.page(TokenFamily)),
            operator.get(self.page(TokenFamily, "change", tokens["session_id"])),
            operator.post(self.page(TokenFamily), form),
            operator.get(self.page(TokenFamily, "act", tokens["session_id"], "revoke_sessions")),
            operator.get(self.page(Device, "change", tokens["device_id"])),
            operator.get(self.page(TokenEvent, "change", TokenEvent.objects.latest("pk").pk)),
            operator.get(self.page(type(ada), "change", ada.pk)),
            operator.get(self.page(type(ada), "tokenauth_revoke", ada.pk)),
        ]

        assert self.page(TokenFamily).startswith("/operators/")
        for page in pages:
            assert page.status_code == 200
            assert 'href="/admin/' not in page.content.decode()

    def test_what_is_revoked_there_is_in_djangos_log(self, http: Http, ada, web, operator):
        tokens = http.log_in(ada, web)
        form = {"action": "revoke_sessions", "_selected_action": [tokens["session_id"]], "reason": "stolen"}

        answer = operator.post(self.page(TokenFamily), form)

        assert answer.url.startswith("/operators/")
        assert LogEntry.objects.get().object_id == tokens["session_id"]


class TestNarrow:
    def test_it_has_no_links_to_pages_that_it_has_not(self, http: Http, ada, web, operator):
        tokens = http.log_in(ada, web)

        page = operator.get(f"/narrow/tokenauth/tokenfamily/{tokens['session_id']}/change/")

        content = page.content.decode()
        assert page.status_code == 200
        assert "Web" in content
        assert "/narrow/tokenauth/client/" not in content
        assert 'href="/admin/' not in content
