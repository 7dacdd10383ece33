"""The world of the admin's pages."""

import pytest

from tests.factories import ClientFactory, UserFactory, secret_of
from tests.sessions import Session, log_in
from tokenauth.models import Site


@pytest.fixture
def session() -> Session:
    """Ada on her laptop, by a client that has a secret."""
    Site.objects.get_or_create(pk=1)
    client = ClientFactory(client_id="web", confidential=True)
    secret_of(client)
    return log_in(UserFactory(username="ada"), client, device="laptop")
