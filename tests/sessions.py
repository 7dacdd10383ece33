"""A client's side of a session, over the flows: what tests log in, refresh and show tokens with."""

import time
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser

from tests.factories import ClientFactory, UserFactory
from tokenauth import conf
from tokenauth.errors import Refused
from tokenauth.flows.asked import Asked, DeviceAsked, LoginAsked, Origin
from tokenauth.flows.issue import issue
from tokenauth.flows.outcomes import Issued, Repeated, Rotated, Sibling, TokenPair
from tokenauth.flows.rotate import Outcome, rotate
from tokenauth.flows.seen import before_authentication
from tokenauth.models import Client, TokenFamily
from tokenauth.policy.clients import DIRECTORY, KnownClient
from tokenauth.revocation.process import MIRROR
from tokenauth.tokens import verify
from tokenauth.tokens.claims import AccessClaims
from tokenauth.tokens.keyring import KEYRING

BACKEND = "django.contrib.auth.backends.ModelBackend"


def known(client: Client) -> KnownClient:
    """A client as its requests carry it, once authenticated."""
    DIRECTORY.forget()
    found = DIRECTORY.find(client.client_id)
    assert found is not None
    return found


def log_in(
    user: AbstractBaseUser | None = None,
    client: Client | None = None,
    *,
    device: str | None = None,
    scope: str | None = None,
    audience: tuple[str, ...] = (),
    key_was_sent: bool = False,
    acr: str = "",
    origin: Origin = Origin(),  # noqa: B008 - it never changes
) -> "Session":
    """A fresh session of a user, both made where a test does not care."""
    user = user or UserFactory()
    client = client or ClientFactory()
    asked = LoginAsked(
        client=known(client),
        device=DeviceAsked(id=device),
        scope=scope,
        audience=audience,
        key_was_sent=key_was_sent,
        acr=acr,
        origin=origin,
    )
    seen = before_authentication(client_pk=client.pk, username=user.get_username(), device_id=device)
    outcome = issue(user, asked=asked, backend=BACKEND, seen=seen)
    assert isinstance(outcome, Issued), outcome
    return Session(user, client, outcome.pair)


@dataclass
class Session:
    """One login. `pair` is what the client's store holds: the newest answer that it took in."""

    user: AbstractBaseUser
    client: Client
    pair: TokenPair
    history: list[TokenPair] = field(default_factory=list)

    @property
    def family_id(self) -> UUID:
        return self.pair.session_id

    @property
    def family(self) -> TokenFamily:
        """The row as the database has it now."""
        return TokenFamily.objects.get(pk=self.family_id)

    def asked(self, **changes: Any) -> Asked:
        """What this client's requests carry."""
        return Asked(**{"client": known(self.client), **changes})

    def show(self, refresh_token: str, **asked: Any) -> Outcome:
        """Present any refresh token in this client's name; the store is left alone."""
        return rotate(refresh_token, asked=self.asked(**asked))

    def refresh(self, **asked: Any) -> TokenPair:
        """Refresh as a client that keeps its side does; the answer goes into the store."""
        self.history.append(self.pair)
        self.pair = answer_of(self.show(self.pair.refresh_token, **asked))
        return self.pair

    def refresh_and_lose_the_answer(self, **asked: Any) -> TokenPair:
        """Refresh, but the answer never reaches the store; the test gets to see it."""
        return answer_of(self.show(self.pair.refresh_token, **asked))

    def accepts(self, access_token: str | None = None) -> bool:
        """Whether a process with a fresh mirror accepts an access token, the newest by default."""
        return why_refused(access_token or self.pair.access_token) is None

    def is_dead(self) -> bool:
        """Whether neither token of the newest pair is worth anything."""
        return not self.accepts() and isinstance(self.show(self.pair.refresh_token), Refused)


def answer_of(outcome: Outcome) -> TokenPair:
    """The pair of a refresh that was answered."""
    assert isinstance(outcome, Rotated | Repeated | Sibling), outcome
    return outcome.pair


def claims_of(access_token: str) -> AccessClaims:
    """What an access token says, its signature checked."""
    claims = verify.access_token(
        access_token.encode(),
        keys=KEYRING.current().access,
        issuer=conf.current().ISSUER,
        leeway=conf.current().LEEWAY,
        now=time.time(),
    )
    assert isinstance(claims, AccessClaims), claims
    return claims


def why_refused(access_token: str) -> Refused | None:
    """What a verifier with a fresh mirror says against an access token."""
    claims = verify.access_token(
        access_token.encode(),
        keys=KEYRING.current().access,
        issuer=conf.current().ISSUER,
        leeway=conf.current().LEEWAY,
        now=time.time(),
    )
    return claims if isinstance(claims, Refused) else MIRROR.refused(claims)
