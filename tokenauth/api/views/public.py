"""What anyone may read: keys and metadata, cacheable, with an ETag."""

import hashlib
import json
from abc import abstractmethod
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpResponse
from django.urls import reverse
from django.utils.http import parse_etags, quote_etag
from rest_framework.exceptions import NotFound
from rest_framework.request import Request

from tokenauth import conf
from tokenauth.api.views.base import PinnedView
from tokenauth.tokens import jwks
from tokenauth.tokens.keyring import KEYRING


class PublicDocument(PinnedView):
    """A JSON document that depends on nobody."""

    is_private = False

    def get(self, request: Request) -> HttpResponse:
        body = json.dumps(self.document(), separators=(",", ":"), sort_keys=True).encode()
        etag = quote_etag(hashlib.sha256(body).hexdigest()[:32])
        # RFC 9110 13.1.2: compared weakly, since proxies that compress weaken what they pass on
        known = {
            known.removeprefix("W/") for known in parse_etags(request.META.get("HTTP_IF_NONE_MATCH", ""))
        }
        is_known = etag in known or "*" in known
        answer = HttpResponse(status=304) if is_known else HttpResponse(body, content_type="application/json")
        answer["ETag"] = etag
        answer["Cache-Control"] = f"public, max-age={conf.current().JWKS_MAX_AGE}"
        return answer

    @abstractmethod
    def document(self) -> dict[str, Any]:
        """Return what is served."""


class JwksView(PublicDocument):
    """GET jwks/ and /.well-known/jwks.json (RFC 7517)."""

    def document(self) -> dict[str, Any]:
        KEYRING.signing()  # made at first need: an empty set would be cached
        return jwks.public_set(KEYRING.current())


class MetadataView(PublicDocument):
    """GET /.well-known/oauth-authorization-server, followed by the issuer's path (RFC 8414 3)."""

    def get(self, request: Request, issuer_path: str | None = None) -> HttpResponse:
        if (issuer_path or "").rstrip("/") != _path_of_issuer():
            raise NotFound
        return super().get(request)

    def document(self) -> dict[str, Any]:
        methods = ["client_secret_basic", "client_secret_post"]
        algorithms = [KEYRING.signing().alg]
        return {
            "issuer": conf.current().ISSUER,
            "token_endpoint": absolute("token"),
            "revocation_endpoint": absolute("revoke"),
            "introspection_endpoint": absolute("introspect"),
            "jwks_uri": absolute("jwks"),
            "grant_types_supported": ["refresh_token"],
            "token_endpoint_auth_methods_supported": [*methods, "none"],
            "revocation_endpoint_auth_methods_supported": [*methods, "none"],
            "introspection_endpoint_auth_methods_supported": methods,
            "introspection_signing_alg_values_supported": algorithms,
            # an extension (RFC 8414 2): the orders, for resource servers elsewhere
            "revocations_endpoint": absolute("revocations"),
            "revocations_endpoint_auth_methods_supported": ["client_secret_basic"],
        }


def _path_of_issuer() -> str:
    return urlsplit(conf.current().ISSUER).path.rstrip("/")


def absolute(name: str) -> str:
    """Return the URL of an endpoint of ours."""
    # from the configured issuer: a client's Host header decides nothing
    scheme, _, rest = conf.current().ISSUER.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}{reverse(f'tokenauth:{name}')}/"
