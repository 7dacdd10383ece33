"""The clients of this process: known without a query, told from strangers in constant time."""

import pytest
from django.utils import timezone

from tests.factories import ClientFactory, secret_of
from tokenauth.errors import Cause, Refused
from tokenauth.flows.clients import make_secret, retire_secret
from tokenauth.models import Catalogue, ClientSecret, TokenEvent
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
