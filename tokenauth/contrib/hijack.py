"""Tokens for who acts in a user's name by django-hijack: short, marked, and over with the hijack.

    path("auth/impersonation/", tokenauth.contrib.hijack.ImpersonationView.as_view())

The family carries its `impersonator` and each access token `act` (RFC 8693 4.1): who really sits there,
also where one hijacked user went on to hijack another.
"""

from collections.abc import Sequence
from typing import Any, cast

from django.contrib.auth import BACKEND_SESSION_KEY
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.auth.signals import user_logged_out
from django.dispatch import receiver
from django.http import HttpRequest
from hijack.signals import hijack_ended
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tokenauth.api import parameters
from tokenauth.api.address import origin_of
from tokenauth.api.views.answers import token_response
from tokenauth.api.views.base import PinnedView
from tokenauth.errors import Cause, Refused
from tokenauth.flows.asked import DeviceAsked, LoginAsked
from tokenauth.flows.issue import issue
from tokenauth.flows.login import may_log_in
from tokenauth.flows.revoke import revoke
from tokenauth.flows.seen import before_authentication
from tokenauth.models import TokenFamily, users
from tokenauth.observability import log
from tokenauth.revocation.subjects import OfFamily
from tokenauth.tokens.keyring import database


def impersonator_of(request: HttpRequest) -> str:
    """Return the user key of who acts in the name of a request's user; empty where nobody does.

    For a site that calls `flows.issue` itself: what belongs into `LoginAsked.impersonator`.
    """
    return _first(getattr(request, "session", {}).get("hijack_history"))


class IsHijacked(BasePermission):
    """Holds for the Django session of a user whom somebody has hijacked."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return bool(impersonator_of(request._request))


class ImpersonationView(PinnedView):
    """POST `{client_id, client_secret?, scope?, audience?, device?}` with the hijacked Django session and
    its CSRF token: a pair, as of a login."""

    authentication_classes = (SessionAuthentication,)
    permission_classes = (IsAuthenticated, IsHijacked)

    def post(self, request: Request) -> Response:
        sent = parameters.read(request._request, json_too=True)
        client = self.client_of(request, sent)
        if isinstance(client, Response):
            return client
        if not may_log_in(client):
            return self.refuse(Refused(Cause.NOT_FIRST_PARTY))
        device = sent.part("device").device_id("id")
        seen = before_authentication(client_pk=client.pk, device_id=device)
        session = request._request.session
        asked = LoginAsked(
            client=client,
            device=DeviceAsked(id=device),
            scope=sent.text("scope"),
            audience=sent.texts("audience"),
            key_was_sent=parameters.idempotency_key(request._request) is not None,
            origin=origin_of(request._request),
            impersonator=impersonator_of(request._request),
        )
        user = cast("AbstractBaseUser", request.user)
        outcome = issue(user, asked=asked, backend=str(session[BACKEND_SESSION_KEY]), seen=seen)
        if isinstance(outcome, Refused):
            log.note("impersonation_refused", cause=outcome.cause, client=client.client_id)
            return self.refuse(outcome)
        return token_response(outcome.pair)


@receiver(hijack_ended, dispatch_uid="tokenauth.contrib.hijack.released")
def released(request: Any, hijacker: Any, hijacked: Any, **kwargs: Any) -> None:
    """End what was issued in the user's name once he is released."""
    # of several hijacks in a row the one that ended is off the history already
    _end_all(hijacked, by=impersonator_of(request) or users.key_of(hijacker))


@receiver(user_logged_out, dispatch_uid="tokenauth.contrib.hijack.logged_out")
def logged_out(request: Any, user: Any, **kwargs: Any) -> None:
    """End it as well where the session is logged out of without a release."""
    actor = impersonator_of(request)
    if actor and user is not None:
        _end_all(user, by=actor)


def _end_all(user: Any, *, by: str) -> None:
    rows = TokenFamily.objects.using(database()).impersonated(user_key=users.key_of(user), by=by)
    for family_id in rows.filter(revoked_at=None).values_list("pk", flat=True):
        revoke(OfFamily(family_id), cause=Cause.LOGGED_OUT, actor=by)


def _first(history: Sequence[str] | None) -> str:
    # as the session keeps a primary key, which need not be how user keys are spelt
    return users.key_of_pk(users.pk_of(history[0])) if history else ""
