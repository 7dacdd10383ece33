"""What simplejwt's site does."""

import itertools
import random
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from rest_framework_simplejwt.authentication import JWTStatelessUserAuthentication
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import AccessToken

from benchmarks.sites.deeds import Consuming, Deeds
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


@DEEDS
def header() -> Callable[[], object]:
    """The header by which a server's user shows a token."""
    token = logged_in()["access"]
    return lambda: bearer(token)["HTTP_AUTHORIZATION"]


@DEEDS
def login() -> Callable[[], object]:
    """Log a user in."""
    sent = {"username": new_user().username, "password": PASSWORD}
    return lambda: SITE.post("/token/", sent)


def outstanding(user: Any, many: int, expires_at: Any) -> None:
    """So many refresh tokens of a user, as long as they usually are."""
    rows = (
        OutstandingToken(jti=uuid.uuid4().hex, token="x" * 235, user=user, expires_at=expires_at)
        for _ in range(many)
    )
    while batch := list(itertools.islice(rows, 10_000)):
        OutstandingToken.objects.bulk_create(batch)


class RevokeUser(Consuming):
    """Blacklist all of a user's refresh tokens, in one statement where simplejwt's own way takes two each."""

    def __init__(self, many: int) -> None:
        self._user = new_user()
        outstanding(self._user, many, timezone.now() + timedelta(days=14))

    def ready(self) -> None:
        BlacklistedToken.objects.all().delete()

    def __call__(self) -> None:
        tokens = OutstandingToken.objects.filter(user=self._user)
        BlacklistedToken.objects.bulk_create(
            [BlacklistedToken(token=token) for token in tokens], ignore_conflicts=True
        )


DEEDS.register("revoke_user", RevokeUser)


class Purge(Consuming):
    """Delete expired refresh tokens by simplejwt's own command."""

    def __init__(self, many: int) -> None:
        self._many, self._user = many, new_user()

    def ready(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO token_blacklist_outstandingtoken (jti, token, created_at, expires_at, user_id) "
                "SELECT md5(random()::text || n), repeat('x', 235), now() - interval '30 days', "
                "now() - interval '2 days', %s FROM generate_series(1, %s) n",
                [self._user.pk, self._many],
            )
            cursor.execute("VACUUM ANALYZE token_blacklist_outstandingtoken")

    def __call__(self) -> None:
        call_command("flushexpiredtokens", verbosity=0)


DEEDS.register("purge", Purge)
