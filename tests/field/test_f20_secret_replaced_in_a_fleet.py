"""F20: a client's secret is replaced in a running fleet, whose instances cannot all change at once."""

from datetime import datetime
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.http.response import HttpResponseBase
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.factories import ClientFactory, UserFactory, secret_of
from tests.http import Http
from tokenauth.flows import clients
from tokenauth.flows.clients import note_secret_use, retire_secret
from tokenauth.models import Catalogue, Client, ClientSecret, TokenFamily
from tokenauth.models.catalogue import Held
from tokenauth.models.client import ClientSecretQuerySet

pytestmark = pytest.mark.django_db(transaction=True)

MINUTE = 60


@pytest.fixture
def fleet(db) -> Client:
    made: Client = ClientFactory(client_id="fleet", confidential=True)
    return made


@pytest.fixture
def old(fleet) -> str:
    return secret_of(fleet)


@pytest.fixture
def new(old, fleet) -> str:
    return secret_of(fleet)


@pytest.fixture
def tokens(http: Http, ada, fleet, old) -> dict[str, Any]:
    return http.log_in(ada, fleet, client_secret=old)


def row_of(secret: str) -> ClientSecret:
    return ClientSecret.objects.get(tail=secret[-4:])


def last_used(secret: str) -> datetime | None:
    return row_of(secret).last_used_at


def test_both_work_during_the_overlap(http: Http, fleet, old, tokens, new):
    for secret in (old, new, old, new):
        answer = http.refresh(tokens, fleet, client_secret=secret)
        assert answer.status_code == 200
        tokens = answer.json()

    assert (TokenFamily.objects.get().generation, TokenFamily.objects.get().revoked_at) == (4, None)


def test_the_retired_one_is_refused_and_spends_nothing(http: Http, fleet, old, tokens, new):
    retire_secret(row_of(old))

    refused = http.refresh(tokens, fleet, client_secret=old)

    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    assert TokenFamily.objects.get().generation == 0
    assert http.get("/api/me/", bearer=tokens["access_token"]).status_code == 200
    assert http.refresh(tokens, fleet, client_secret=new).status_code == 200


def test_one_that_was_compromised_ends_at_once_in_a_process_that_knew_it(http: Http, fleet, tokens, new):
    tokens = http.refresh(tokens, fleet, client_secret=new).json()

    retire_secret(row_of(new), actor="admin:1")

    assert http.refresh(tokens, fleet, client_secret=new).status_code == 401


def test_whose_last_secret_was_retired_is_no_public_client(http: Http, fleet, old, tokens):
    retire_secret(row_of(old))

    assert http.refresh(tokens, fleet).status_code == 401


def test_a_third_one_has_to_wait_until_one_is_retired(fleet, old, new):
    with pytest.raises(ValueError, match="retire one first"):
        secret_of(fleet)
    retire_secret(row_of(old))

    assert secret_of(fleet)


class TestTheLastUse:
    def test_is_known_of_each_secret(self, clock, http: Http, fleet, old, tokens, new):
        logged_in = timezone.now()
        clock.shift(90 * MINUTE)

        http.refresh(tokens, fleet, client_secret=new)

        assert last_used(old) == logged_in
        assert last_used(new) == timezone.now()

    def test_is_written_at_most_once_an_hour(self, http: Http, fleet, clock, ada):
        secret = secret_of(fleet)
        tokens = http.log_in(ada, fleet, client_secret=secret)
        first = last_used(secret)
        assert first == timezone.now()

        clock.shift(59 * MINUTE)
        tokens = http.refresh(tokens, fleet, client_secret=secret).json()
        assert last_used(secret) == first

        clock.shift(MINUTE)
        http.refresh(tokens, fleet, client_secret=secret)
        assert last_used(secret) == timezone.now()

    def test_costs_no_query_within_the_hour(self, old, clock):
        note_secret_use(row_of(old).pk, at=timezone.now())
        pk = row_of(old).pk
        clock.shift(59 * MINUTE)

        with CaptureQueriesContext(connection) as queries:
            note_secret_use(pk, at=timezone.now())

        assert len(queries) == 0

    def test_is_not_written_again_by_another_process(self, old, clock):
        note_secret_use(row_of(old).pk, at=timezone.now())
        first = last_used(old)
        clock.shift(30 * MINUTE)
        clients.USES.clear()

        note_secret_use(row_of(old).pk, at=timezone.now())

        assert last_used(old) == first

    def test_makes_no_process_load_the_clients_again(self, old):
        before = Catalogue.objects.version_of(Held.CLIENTS)

        note_secret_use(row_of(old).pk, at=timezone.now())

        assert last_used(old) is not None
        assert Catalogue.objects.version_of(Held.CLIENTS) == before

    def test_is_written_after_the_answer(self, http: Http, fleet, ada, monkeypatch):
        secret = secret_of(fleet)
        unused: list[datetime | None] = []
        close = HttpResponseBase.close

        def closed_by_the_server(response: HttpResponseBase) -> None:
            unused.append(last_used(secret))
            close(response)

        monkeypatch.setattr(HttpResponseBase, "close", closed_by_the_server)

        http.log_in(ada, fleet, client_secret=secret)

        assert unused == [None]
        assert last_used(secret) is not None

    def test_a_wrong_secret_is_no_use(self, http: Http, fleet, tokens, new):
        http.refresh(tokens, fleet, client_secret="tks_" + "x" * 39 + new[-4:])

        assert last_used(new) is None

    def test_that_cannot_be_written_disturbs_nobody_and_is_tried_again(
        self, http: Http, fleet, ada, monkeypatch, clock
    ):
        secret = secret_of(fleet)
        with monkeypatch.context() as patched:
            patched.setattr(ClientSecretQuerySet, "note_use", fails)
            tokens = http.log_in(ada, fleet, client_secret=secret)
        assert last_used(secret) is None

        clock.shift(MINUTE)
        http.refresh(tokens, fleet, client_secret=secret)

        assert last_used(secret) == timezone.now()

    def test_is_shown_in_the_console(self, http: Http, old, tokens):
        http.browser.force_login(UserFactory(username="root", is_staff=True, is_superuser=True))

        page = http.get("/admin/tokenauth/clientsecret/").content.decode()

        assert old[-4:] in page
        assert "field-last_used_at" in page
        assert old not in page


def fails(*args: Any, **kwargs: Any) -> None:
    raise OperationalError
