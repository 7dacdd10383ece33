"""What simplejwt's site does."""

import itertools
import random
import uuid
from collections.abc import Callable
from typing import Any

from django.contrib.auth import get_user_model
from rest_framework_simplejwt.authentication import JWTStatelessUserAuthentication
from rest_framework_simplejwt.tokens import AccessToken

from benchmarks.sites.deeds import Deeds
from benchmarks.sites.requests import Site, bearer, shown

DEEDS = Deeds()
SITE = Site()
PASSWORD = "correct horse battery staple"  # noqa: S105


def new_user() -> Any:
    """Somebody who never logged in."""
    return get_user_model().objects.create_user(f"user-{uuid.uuid4().hex}", password=PASSWORD)


def logged_in(user: Any = None) -> dict[str, Any]:
    """What a login answers."""
    sent = {"username": (user or new_user()).username, "password": PASSWORD}
    answer: dict[str, Any] = SITE.post("/token/", sent)
    return answer


@DEEDS
def stateless() -> Callable[[], object]:
    """Authenticate without the user's row."""
    request = shown(logged_in()["access"])
    authenticate = JWTStatelessUserAuthentication().authenticate
    return lambda: authenticate(request)


@DEEDS
def among_many(tokens: int) -> Callable[[], object]:
    """Authenticate by one of many tokens, in random order."""
    user = new_user()
    shown_ones = [f"Bearer {AccessToken.for_user(user)}" for _ in range(tokens)]
    picked = random.Random(1).choices(shown_ones, k=5 * tokens)  # noqa: S311 - the same each time
    request, authenticate = shown(""), JWTStatelessUserAuthentication().authenticate
    meta, following = request.META, itertools.cycle(picked)

    def deed() -> object:
        meta["HTTP_AUTHORIZATION"] = next(following)
        return authenticate(request)

    return deed


@DEEDS
def view(path: str) -> Callable[[], object]:
    """Ask for a view with a token."""
    headers = bearer(logged_in()["access"])
    return lambda: SITE.get(path, **headers)


@DEEDS
def refresh() -> Callable[[], object]:
    """Exchange the newest refresh token."""
    token = logged_in()["refresh"]

    def deed() -> None:
        nonlocal token
        token = SITE.post("/token/refresh/", {"refresh": token})["refresh"]

    return deed
