"""What a resource server knows of its issuer: who it is, a secret, and how it learns of revocations."""

import os
from collections.abc import Mapping
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
#: Settings that an environment variable gives as a list, separated by spaces.
_LISTS = frozenset({"audiences", "scopes", "acr"})


class Settings(BaseModel):
    """All but the first three may be left out. What the issuer's rules say is only ever tightened here."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    #: `iss` of the tokens: the site's ISSUER, to the letter.
    issuer: str
    #: This server's own client of kind `resource`, and a secret of it.
    client_id: str = Field(min_length=1)
    client_secret: str = Field(min_length=1, repr=False)
    #: Whence it learns of revocations: the feed, the introspection of each token, or both.
    source: Literal["feed", "introspection", "both"] = "feed"
    #: Audiences of which a token must name one. Empty: those that the issuer's rules name.
    audiences: tuple[str, ...] = ()
    #: Scopes of which a token must carry all.
    scopes: tuple[str, ...] = ()
    #: Classes of login (`acr`) of which a token must name one. Empty: any.
    acr: tuple[str, ...] = ()
    #: Seconds a revoked token may still be accepted. None, or longer than the issuer's own bound: that
    #: one; where the issuer tells no rules (introspection alone) 1 second.
    bound: float | None = Field(default=None, ge=0.2, le=60)
    #: Whether to go on where nobody can tell: `available` only if the issuer's rules say so too.
    mode: Literal["strict", "available"] = "available"
    #: Seconds the first load may hold a request.
    start_timeout: float = Field(default=5, gt=0, le=60)
    #: Verified tokens that are remembered.
    token_cache: int = Field(default=20_000, ge=2)
    #: Addresses, where they are not the ones that the issuer's metadata names.
    feed_url: str = ""
    introspection_url: str = ""
    jwks_url: str = ""
    #: File of the certificates that sign the issuer's. Empty: the system's.
    ca_file: str = ""
    #: URL of a proxy to go through; those of the environment are not used.
    proxy: str = ""
    #: Whether plain HTTP may be spoken beyond loopback.
    allow_http: bool = False

    @field_validator("issuer", "feed_url", "introspection_url", "jwks_url")
    @classmethod
    def _is_url(cls, url: str) -> str:
        if url and (not urlsplit(url).hostname or urlsplit(url).username is not None):
            raise ValueError("not a URL with a host and without credentials")
        return url

    @model_validator(mode="after")
    def _all_may_be_called(self) -> Self:
        for url in (self.issuer, self.feed_url, self.introspection_url, self.jwks_url):
            if url and not self.may_call(url):
                raise ValueError("plain HTTP beyond loopback: say allow_http if that is meant")
        return self

    @classmethod
    def from_environment(
        cls, prefix: str = "TOKENAUTH_", *, environ: Mapping[str, str] = os.environ, **options: Any
    ) -> Self:
        """Return what environment variables say, as `TOKENAUTH_ISSUER`; options given here win.

        Raises:
            ValidationError: A value is missing or of another form; it is named, never shown.
        """
        given: dict[str, Any] = {}
        for name in cls.model_fields:
            value = environ.get(f"{prefix}{name.upper()}")
            if value:
                given[name] = tuple(value.split()) if name in _LISTS else value
        return cls(**given | options)

    def may_call(self, url: str) -> bool:
        """Whether a URL is one to send a secret to: TLS, or loopback."""
        parts = urlsplit(url)
        if parts.scheme == "https":
            return bool(parts.hostname)
        return parts.scheme == "http" and (self.allow_http or parts.hostname in _LOOPBACK)

    @property
    def uses_feed(self) -> bool:
        return self.source in {"feed", "both"}
