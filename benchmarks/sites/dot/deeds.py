"""What django-oauth-toolkit's site does."""

import uuid
from collections.abc import Callable
from typing import Any

from django.contrib.auth import get_user_model
from oauth2_provider.models import get_application_model

from benchmarks.sites.deeds import Deeds
from benchmarks.sites.requests import Site, bearer

DEEDS = Deeds()
SITE = Site()
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
