"""What knox's site does."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.utils import timezone
from knox.models import AuthToken

from benchmarks.sites.deeds import Consuming, Deeds
from benchmarks.sites.requests import Site

DEEDS = Deeds()
SITE = Site()
PASSWORD = "correct horse battery staple"  # noqa: S105


def new_user() -> Any:
    """Somebody who never logged in."""
    return get_user_model().objects.create_user(f"user-{uuid.uuid4().hex}", password=PASSWORD)


def logged_in(user: Any = None) -> dict[str, Any]:
    """What a login answers."""
    sent = {"username": (user or new_user()).username, "password": PASSWORD}
    answer: dict[str, Any] = SITE.post("/login/", sent)
    return answer


@DEEDS
def view(path: str) -> Callable[[], object]:
    """Ask for a view with a token."""
    headers = {"HTTP_AUTHORIZATION": f"Token {logged_in()['token']}"}
    return lambda: SITE.get(path, **headers)


@DEEDS
def login() -> Callable[[], object]:
    """Log a user in."""
    sent = {"username": new_user().username, "password": PASSWORD}
    return lambda: SITE.post("/login/", sent)


class RevokeUser(Consuming):
    """Delete all of a user's tokens, as logging out everywhere does."""

    def __init__(self, many: int) -> None:
        self._user, self._many = new_user(), many

    def ready(self) -> None:
        expiry = timezone.now() + timedelta(days=14)
        AuthToken.objects.bulk_create(
            [
                AuthToken(
                    digest=uuid.uuid4().hex * 4,
                    token_key=uuid.uuid4().hex[:8],
                    user=self._user,
                    expiry=expiry,
                )
                for _ in range(self._many)
            ]
        )

    def __call__(self) -> None:
        self._user.auth_token_set.all().delete()


DEEDS.register("revoke_user", RevokeUser)
