"""Where the issuer's endpoints are: what the settings say, else its metadata (RFC 8414)."""

from typing import Any
from urllib.parse import urlsplit, urlunsplit

from tokenauth.resource.http import Http, Unreachable
from tokenauth.resource.settings import Settings

_WELL_KNOWN = "/.well-known/oauth-authorization-server"


class Endpoints:
    """The addresses of one issuer; asked for at first need, then kept."""

    def __init__(self, settings: Settings, http: Http) -> None:
        self._settings, self._http = settings, http
        self._metadata: dict[str, Any] | None = None

    def feed(self, *, seconds: float) -> str:
        return self._settings.feed_url or self._named("revocations_endpoint", seconds)

    def introspection(self, *, seconds: float) -> str:
        return self._settings.introspection_url or self._named("introspection_endpoint", seconds)

    def jwks(self, *, seconds: float) -> str:
        return self._settings.jwks_url or self._named("jwks_uri", seconds)

    def _named(self, name: str, seconds: float) -> str:
        if self._metadata is None:
            found = self._http.get(location(self._settings.issuer), seconds=seconds).members
            # RFC 8414 3.3: else one issuer could answer for another
            if found.get("issuer") != self._settings.issuer:
                raise Unreachable("the metadata is another issuer's")
            self._metadata = found
        url = self._metadata.get(name)
        if not isinstance(url, str) or not self._settings.may_call(url):
            raise Unreachable(f"the metadata names no {name} that may be called")
        return url


def location(issuer: str) -> str:
    """Return where an issuer's metadata is: between host and path (RFC 8414 3)."""
    parts = urlsplit(issuer)
    return urlunsplit((parts.scheme, parts.netloc, _WELL_KNOWN + parts.path.rstrip("/"), "", ""))
