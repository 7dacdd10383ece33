"""What a resource server is told of a token (RFC 7662)."""

from dataclasses import dataclass, field
from typing import Any

from tokenauth import conf
from tokenauth.errors import Cause, Refused
from tokenauth.flows import account_changes, standing
from tokenauth.flows.account_changes import Looks
from tokenauth.flows.moment import Moment
from tokenauth.policy.clients import KnownClient
from tokenauth.revocation.process import MIRROR
from tokenauth.tokens import verify
from tokenauth.tokens.claims import AccessClaims
from tokenauth.tokens.keyring import KEYRING


@dataclass(frozen=True, slots=True)
class Active:
    """The token counts; `members` is what this caller may see."""

    members: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Inactive:
    """The token does not count, or is none of the caller's business: the two look the same."""


def introspect(token: str, *, caller: KnownClient) -> Active | Inactive | Refused:
    """Tell an authenticated resource server what a token is worth to it.

    Only access tokens that name one of the caller's audiences are active: a refresh token is for the
    authorization server alone.

    Args:
        token: As the caller sent it.
        caller: The authenticated resource server.
    Returns:
        `Refused(STALE_MIRROR)` while nobody can tell. No query before the signature holds, then one.
    """
    moment = Moment()
    settings = conf.current()
    claims = verify.access_token(
        token.encode("utf-8", "replace"),
        keys=KEYRING.current().access,
        issuer=settings.ISSUER,
        leeway=0,
        now=moment.at.timestamp(),
    )
    if isinstance(claims, Refused) or not set(claims.aud) & set(caller.audiences):
        return Inactive()
    if (refused := MIRROR.refused(claims)) is not None:
        return refused if refused.cause is Cause.STALE_MIRROR else Inactive()
    facts = standing.read(claims.sid)
    if facts is None:
        return Inactive()
    # an access token outlives the idle timeout of its family by its own short life
    dead = standing.why_dead(facts, MIRROR.floors(), moment) not in (None, Cause.DEVICE_OFFLINE)
    user = None if dead else standing.account_of(facts)
    if user is None or standing.impersonator_is_gone(facts.family):
        return Inactive()
    looks = account_changes.compared(user, fingerprint=facts.fingerprint, epoch=facts.account_epoch)
    if looks is Looks.CHANGED:
        return Inactive()
    return Active(_visible(claims, caller))


def _visible(claims: AccessClaims, caller: KnownClient) -> dict[str, Any]:
    members = claims.members()
    audience = [name for name in claims.aud if name in caller.audiences]
    shown = {name: value for name, value in members.items() if name not in {"ep", "did", "gen", "br"}}
    if claims.act:
        shown["act"] = {"sub": claims.act}
    return {
        "active": True,
        **shown,
        "aud": audience[0] if len(audience) == 1 else audience,
        "token_type": "Bearer",
    }
