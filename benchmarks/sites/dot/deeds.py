"""What django-oauth-toolkit's site does."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.utils import timezone
from oauth2_provider.models import (
    get_access_token_model,
    get_application_model,
    get_refresh_token_model,
)

from benchmarks.sites.deeds import Consuming, Deeds
from benchmarks.sites.requests import Site, bearer

DEEDS = Deeds()
SITE = Site()
AccessToken, RefreshToken = get_access_token_model(), get_refresh_token_model()
PASSWORD = "correct horse battery staple"  # noqa: S105


def public_app() -> Any:
    """An app without a secret: hashing one takes longer than everything else."""
    model = get_application_model()
    app, _ = model.objects.get_or_create(
        client_id="web",
        defaults={
            "name": "Web",
            "client_type": model.CLIENT_PUBLIC,
            "authorization_grant_type": model.GRANT_PASSWORD,
        },
    )
    return app


def new_user() -> Any:
    """Somebody who never logged in."""
    return get_user_model().objects.create_user(f"user-{uuid.uuid4().hex}", password=PASSWORD)


def logged_in(user: Any = None) -> dict[str, Any]:
    """What the password grant answers."""
    sent = {
        "grant_type": "password",
        "username": (user or new_user()).username,
        "password": PASSWORD,
        "client_id": public_app().client_id,
    }
    answer: dict[str, Any] = SITE.post("/token/", sent, form=True)
    return answer


@DEEDS
def view(path: str) -> Callable[[], object]:
    """Ask for a view with a token."""
    headers = bearer(logged_in()["access_token"])
    return lambda: SITE.get(path, **headers)


@DEEDS
def refresh() -> Callable[[], object]:
    """Exchange the newest refresh token."""
    token = logged_in()["refresh_token"]

    def deed() -> None:
        nonlocal token
        sent = {"grant_type": "refresh_token", "refresh_token": token, "client_id": "web"}
        token = SITE.post("/token/", sent, form=True)["refresh_token"]

    return deed


@DEEDS
def login() -> Callable[[], object]:
    """Log a user in by the password grant."""
    sent = {
        "grant_type": "password",
        "username": new_user().username,
        "password": PASSWORD,
        "client_id": public_app().client_id,
    }
    return lambda: SITE.post("/token/", sent, form=True)


@DEEDS
def introspect() -> Callable[[], object]:
    """Ask, as a resource server, what a token is worth."""
    tomorrow = timezone.now() + timedelta(days=1)
    servers = "introspects"
    AccessToken.objects.create(
        token=servers,
        application=public_app(),
        scope="introspection",
        expires=tomorrow,
    )
    headers, sent = bearer(servers), {"token": logged_in()["access_token"]}

    def deed() -> None:
        if not SITE.post("/introspect/", sent, form=True, **headers)["active"]:
            raise ValueError("the token is refused")

    return deed


class RevokeUser(Consuming):
    """Revoke all of a user's refresh tokens and delete his access tokens, in a statement each."""

    def __init__(self, many: int) -> None:
        self._user, self._many = new_user(), many
        app = public_app()
        RefreshToken.objects.bulk_create(
            [RefreshToken(user=self._user, token=uuid.uuid4().hex, application=app) for _ in range(many)]
        )

    def ready(self) -> None:
        RefreshToken.objects.filter(user=self._user).update(revoked=None)
        app, tomorrow = public_app(), timezone.now() + timedelta(days=1)
        AccessToken.objects.bulk_create(
            [
                AccessToken(user=self._user, token=uuid.uuid4().hex, application=app, expires=tomorrow)
                for _ in range(self._many)
            ]
        )

    def __call__(self) -> None:
        RefreshToken.objects.filter(user=self._user, revoked=None).update(revoked=timezone.now())
        AccessToken.objects.filter(user=self._user).delete()


DEEDS.register("revoke_user", RevokeUser)
