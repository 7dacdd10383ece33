"""The body of a token answer (RFC 6749 5.1)."""

from datetime import datetime

from django.utils import timezone
from rest_framework.response import Response

from tokenauth.flows.outcomes import TokenPair


def token_response(pair: TokenPair) -> Response:
    """Return 200 with the pair; lifetimes are what remains now."""
    return Response(
        {
            "access_token": pair.access_token,
            "token_type": "Bearer",
            "expires_in": _remaining(pair.access_expires_at),
            "refresh_token": pair.refresh_token,
            "refresh_expires_in": _remaining(pair.refresh_expires_at),
            "scope": pair.scope,
            "session_id": str(pair.session_id),
            "device_id": str(pair.device_id),
        }
    )


def _remaining(until: datetime) -> int:
    return max(0, int(until.timestamp()) - int(timezone.now().timestamp()))
