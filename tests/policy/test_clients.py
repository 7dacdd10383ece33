"""The clients of this process: known without a query, told from strangers in constant time."""

import os
import threading

import pytest
from django.db import transaction
from django.db.models import JSONField, Value
from django.utils import timezone

from tests.crowd import elsewhere
from tests.factories import ClientFactory, secret_of
from tokenauth.errors import Cause, Refused
from tokenauth.flows.clients import make_secret, retire_secret
from tokenauth.models import Catalogue, Client, ClientSecret, TokenEvent
from tokenauth.models.catalogue import Held
from tokenauth.policy import clients
from tokenauth.policy.clients import DIRECTORY, Authenticated

pytestmark = pytest.mark.django_db


def cause_of(client_id: str, secret: str | None) -> Cause | None:
    follow()
    outcome = clients.authenticated(client_id, secret, at=timezone.now())
    return outcome.cause if isinstance(outcome, Refused) else None


def follow() -> None:
    """What each poll of the mirror does."""
    DIRECTORY.follow(Catalogue.objects.version_of(Held.CLIENTS))


def test_two_secrets_live_side_by_side_and_the_retired_one_ends():
    client = ClientFactory(confidential=True)
    old, new = secret_of(client), secret_of(client)
    both = [cause_of(client.client_id, secret) for secret in (old, new)]

    retire_secret(ClientSecret.objects.get(tail=old[-4:]))

    assert both == [None, None]
    assert cause_of(client.client_id, old) is Cause.CLIENT_SECRET
    assert cause_of(client.client_id, new) is None


def test_a_third_secret_has_to_wait():
    client = ClientFactory(confidential=True)
    secret_of(client)
    secret_of(client)

    with pytest.raises(ValueError, match="retire one first"):
        secret_of(client)


def test_a_secret_ends_in_time():
    client = ClientFactory(confidential=True)
    secret = make_secret(client, expires_at=timezone.now())

    assert cause_of(client.client_id, secret) is Cause.CLIENT_SECRET


def test_a_client_whose_last_secret_was_retired_is_not_public():
    client = ClientFactory(kind="web")
    secret_of(client)

    retire_secret(ClientSecret.objects.get())

    assert cause_of(client.client_id, None) is Cause.CLIENT_SECRET


def test_nothing_that_could_be_presented_is_stored():
    client = ClientFactory(confidential=True)
    secret = secret_of(client)

    stored = ClientSecret.objects.get()

    assert secret.startswith("tks_")
    assert len(secret) == 47
    assert secret.encode() not in bytes(stored.digest)
    assert secret[4:-4] not in str(TokenEvent.objects.values())


def test_a_known_client_costs_no_query(django_assert_num_queries):
    client = ClientFactory(confidential=True)
    secret = secret_of(client)
    clients.authenticated(client.client_id, secret, at=timezone.now())

    with django_assert_num_queries(0):
        assert isinstance(clients.authenticated(client.client_id, secret, at=timezone.now()), Authenticated)
        clients.authenticated("nobody", secret, at=timezone.now())


@pytest.mark.parametrize("secret", ["", "é" * 50, "\ud800", "tks_" + "x" * 43])
def test_any_text_can_be_shown_as_a_secret(secret):
    client = ClientFactory(confidential=True)
    secret_of(client)

    assert cause_of(client.client_id, secret) is Cause.CLIENT_SECRET


@pytest.mark.parametrize("garbage", [None, "orders:read", {"a": 1}, [1], [["x"]], 7])
@pytest.mark.parametrize("column", ["audiences", "scopes"])
def test_one_row_of_garbage_stops_its_own_client_alone(column, garbage, caplog):
    ClientFactory(client_id="broken", **{column: Value(garbage, JSONField())})
    sound = ClientFactory()

    assert cause_of(sound.client_id, None) is None
    assert cause_of("broken", None) is Cause.CLIENT_UNKNOWN
    assert "client_is_unreadable client=broken" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_a_client_that_was_rolled_back_is_not_served():
    client = ClientFactory(first_party=False)
    DIRECTORY.forget()
    with transaction.atomic():
        client.first_party = True
        client.save()
        DIRECTORY.forget()
        inside = DIRECTORY.find(client.client_id)
        transaction.set_rollback(True)
    ClientFactory()  # another's change commits under the version that was rolled back
    DIRECTORY.follow(Catalogue.objects.version_of(Held.CLIENTS))

    assert inside.first_party
    assert not DIRECTORY.find(client.client_id).first_party


@pytest.mark.django_db(transaction=True)
def test_what_one_transaction_loads_no_other_thread_is_served():
    client = ClientFactory(first_party=False)
    DIRECTORY.forget()
    with transaction.atomic():
        Client.objects.filter(pk=client.pk).update(first_party=True)
        DIRECTORY.forget()
        assert DIRECTORY.find(client.client_id).first_party
        elsewhere_first_party = elsewhere(lambda: DIRECTORY.find(client.client_id).first_party)

    assert not elsewhere_first_party


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_child_forked_while_clients_were_loaded_can_load_them():
    held, release = threading.Event(), threading.Event()

    def hold():
        with DIRECTORY._loading:
            held.set()
            release.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(10)
    child = os.fork()
    if child == 0:
        os._exit(0 if DIRECTORY._loading.acquire(timeout=5) else 1)
    status = os.waitpid(child, 0)[1]
    release.set()
    holder.join()

    assert os.waitstatus_to_exitcode(status) == 0
