"""Worlds for tests: users and clients, made when a test asks for them."""

from typing import Any

import factory
from django.contrib.auth import get_user_model
from factory.django import DjangoModelFactory

from tokenauth.flows.clients import make_secret
from tokenauth.models import Client

PASSWORD = "correct horse battery staple"
#: PASSWORD_HASHERS under which the tests' own hashes are in need of an upgrade.
BETTER_HASHERS = [
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    "django.contrib.auth.hashers.MD5PasswordHasher",
]


class UserFactory(DjangoModelFactory):
    class Meta:
        model = get_user_model()
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"user{n}")
    email = factory.LazyAttribute(lambda user: f"{user.username}@example.test")

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **kwargs: Any) -> Any:
        return model_class.objects.create_user(*args, **{"password": PASSWORD, **kwargs})


class ClientFactory(DjangoModelFactory):
    """A public first-party web client; traits make the others of REFERENCE T2."""

    class Meta:
        model = Client

    class Params:
        mobile = factory.Trait(kind="native", policy="mobile")
        exact = factory.Trait(kind="native", policy="exact")
        confidential = factory.Trait(kind="service", policy="service")
        resource = factory.Trait(kind="resource", first_party=False, policy="", scopes=[])

    client_id = factory.Sequence(lambda n: f"client{n}")
    name = factory.LazyAttribute(lambda client: client.client_id.title())
    kind = "web"
    first_party = True
    policy = "browser"
    scopes = factory.LazyFunction(lambda: ["orders:read", "orders:write"])
    audiences = factory.LazyFunction(list)


def secret_of(client: Client) -> str:
    """A new secret of a client."""
    return make_secret(client, actor="test")
