"""What knox's site does."""

import uuid
from collections.abc import Callable
from typing import Any

from django.contrib.auth import get_user_model

from benchmarks.sites.deeds import Deeds
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
