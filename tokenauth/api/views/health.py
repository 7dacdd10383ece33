"""GET health/: may this process serve requests?"""

from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response

from tokenauth.api.authentication import TokenAuthentication
from tokenauth.api.views.base import TokenEndpoint
from tokenauth.revocation.process import MIRROR

#: Who sees more than readiness.
PERMISSION = "tokenauth.view_plane"


class HealthView(TokenEndpoint):
    """Readiness for a load balancer; the mirror's age and number for an operator."""

    def get(self, request: Request) -> Response:
        ready = MIRROR.stale() is None
        body: dict[str, object] = {"ready": ready}
        if _is_operator(request):
            mirror = MIRROR.health()
            age = None if mirror.age is None else round(mirror.age, 3)
            body |= {"mirror": {"age": age, "number": mirror.number}, "overdue": []}
        return Response(body, status=200 if ready else 503)


def _is_operator(request: Request) -> bool:
    user = getattr(request._request, "user", None)
    if user is not None and user.has_perm(PERMISSION):
        return True
    try:
        shown = TokenAuthentication().authenticate(request)
    except APIException:  # a stale header must not take the site out of the balancer
        return False
    return shown is not None and shown[0].has_perm(PERMISSION)
