"""A site with several databases and ATOMIC_REQUESTS on each: a refusal's writes are no request's to undo."""

from typing import Any

import pytest
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.db import connections

from tests.http import LOGIN, Http
from tests.sites import everyday
from tests.sites.everyday import is_over
from tokenauth.models import RevocationOrder, TokenEvent, TokenFamily
from tokenauth.models.event import EventKind

ALIASES = ["default", "tokens", "other"]

pytestmark = pytest.mark.django_db(transaction=True, databases=ALIASES)


def test_every_request_is_a_transaction_on_each(http: Http, ada, web):
    tokens = http.log_in(ada, web)

    assert http.get("/api/transactions/", bearer=tokens["access_token"]).json() == ALIASES


def test_no_token_lies_outside_its_database(http: Http, ada, web):
    http.log_in(ada, web)

    assert TokenFamily.objects.using("tokens").count() == 1
    for alias in ("default", "other"):
        assert TokenFamily._meta.db_table not in connections[alias].introspection.table_names()


class TestEndpoints(everyday.Endpoints):
    def test_theft_stays_found_though_its_request_is_refused(self, http: Http, ada, web):
        stolen = http.log_in(ada, web)
        newest = http.refresh(http.refresh(stolen, web).json(), web).json()

        assert http.refresh(stolen, web).status_code == 400

        family = TokenFamily.objects.using("tokens").get()
        assert (family.cause, family.revoked_at is None) == ("reuse", False)
        assert TokenEvent.objects.using("tokens").filter(kind=EventKind.REUSE).count() == 1
        assert RevocationOrder.objects.using("tokens").filter(key=str(family.pk)).exists()
        assert is_over(http, newest, web)

    def test_no_endpoint_runs_in_a_transaction_of_any(self, http: Http, ada, web):
        seen: list[list[str]] = []

        def note(sender: Any, **kwargs: Any) -> None:
            seen.append([alias for alias in connections if connections[alias].in_atomic_block])

        for signal in (user_logged_in, user_login_failed):
            signal.connect(note)
        try:
            http.post(LOGIN, {"username": "ada", "password": "wrong", "client_id": "web"})
            http.log_in(ada, web)
        finally:
            for signal in (user_logged_in, user_login_failed):
                signal.disconnect(note)

        assert seen == [[], []]


class TestChanges(everyday.ChangesSeenBySignals):
    pass


class TestAdmin(everyday.Admin):
    pass
