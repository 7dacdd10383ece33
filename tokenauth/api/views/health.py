"""GET health/: may this process serve requests?"""

from typing import Any

from django import db
from django.http import HttpRequest
from django.utils import timezone
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response

from tokenauth.api.authentication import TokenAuthentication
from tokenauth.api.views.base import PinnedView
from tokenauth.flows import housekeeping, plane
from tokenauth.revocation.process import MIRROR

#: Who sees more than readiness.
PERMISSION = "tokenauth.view_plane"


class HealthView(PinnedView):
    """Readiness for a load balancer; mirror, other processes and late jobs for an operator."""

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        # before DRF authenticates: it puts its own idea of a user in the session's place
        self.session_user = getattr(request, "user", None)
        return super().initialize_request(request, *args, **kwargs)

    def get(self, request: Request) -> Response:
        ready = MIRROR.stale() is None
        body: dict[str, object] = {"ready": ready}
        if self._is_operator(request):
            mirror, processes = MIRROR.health(), plane.counted()
            age = None if mirror.age is None else round(mirror.age, 3)
            body |= {
                "mirror": {"age": age, "number": mirror.number},
                "processes": {"seen": processes.seen, "fresh": processes.fresh},
                "overdue": housekeeping.overdue(timezone.now()),
            }
        return Response(body, status=200 if ready else 503)

    def _is_operator(self, request: Request) -> bool:
        try:
            if self.session_user is not None and self.session_user.has_perm(PERMISSION):
                return True
            shown = TokenAuthentication().authenticate(request)
            return shown is not None and shown[0].has_perm(PERMISSION)
        except (APIException, db.Error):  # a stale header must not take the site out of the balancer
            return False
