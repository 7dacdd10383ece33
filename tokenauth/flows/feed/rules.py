"""What a resource server elsewhere holds tokens to: told with the feed, so that it stays in step."""

import hashlib
from typing import Any

from tokenauth import conf
from tokenauth.policy.clients import KnownClient
from tokenauth.tokens.encoding import to_base64url, to_json
from tokenauth.tokens.keyring import KEYRING


def rules_for(caller: KnownClient, *, jwks_uri: str) -> dict[str, Any]:
    """Return the rules of one resource server.

    Args:
        caller: The resource server.
        jwks_uri: Where the public keys are served.
    """
    settings = conf.current()
    return {
        "issuer": settings.ISSUER,
        "audiences": sorted(caller.audiences),
        "scopes": sorted(caller.scopes),
        "acr": sorted(caller.acr),
        "algorithms": sorted({key.alg for key in KEYRING.current().access.values()}),
        "jwks_uri": jwks_uri,
        "leeway": settings.LEEWAY,
        "mode": settings.MODE,
        "available_seconds": settings.AVAILABLE_SECONDS,
        "bound": settings.STALENESS_BOUND,
    }


def hash_of(rules: dict[str, Any]) -> str:
    """Return by what a server says which rules it has: 16 bytes as base64url."""
    return to_base64url(hashlib.sha256(to_json(rules)).digest()[:16])
