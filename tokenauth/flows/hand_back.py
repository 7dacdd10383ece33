"""A client hands a token back (RFC 7009): logout."""

from dataclasses import dataclass

from tokenauth import conf
from tokenauth.errors import Cause, Refused
from tokenauth.flows import pair, standing
from tokenauth.flows.moment import Moment
from tokenauth.flows.outcomes import Revoked
from tokenauth.flows.revoke import revoke
from tokenauth.policy.clients import KnownClient
from tokenauth.revocation.process import MIRROR
from tokenauth.revocation.subjects import OfFamily, OfToken
from tokenauth.tokens import refresh, verify
from tokenauth.tokens.claims import AccessClaims
from tokenauth.tokens.keyring import KEYRING


@dataclass(frozen=True, slots=True)
class NothingToRevoke:
    """The token is unknown, expired or already dead: to its client the same as revoked."""


def hand_back(token: str, *, client: KnownClient, wait: float = 0) -> Revoked | NothingToRevoke | Refused:
    """End what a presented token stands for: a refresh token its family, an access token itself.

    A refresh token of an old generation ends its family too, without being called theft.

    Args:
        token: As the client sent it; of either kind, whatever hint came with it.
        client: The authenticated client.
        wait: Seconds to wait until every process has applied it, as `revoke` does.
    Returns:
        `Refused(BINDING)` for another client's token, whatever its state: it stays valid.
    """
    if token.startswith(refresh.PREFIX):
        return _refresh_token(token, client, wait)
    return _access_token(token, client, wait)


def _refresh_token(token: str, client: KnownClient, wait: float) -> Revoked | NothingToRevoke | Refused:
    keys = KEYRING.current()
    claims = refresh.read(token, keys=keys.refresh, issuer=conf.current().ISSUER)
    if isinstance(claims, Refused):
        return NothingToRevoke()
    facts = standing.read(claims.family_id)
    key = keys.refresh_key(claims.kid)
    if facts is None or key is None or not claims.is_of(pair.identity_of(facts.family), key):
        return NothingToRevoke()
    if facts.family.client_id != client.pk:
        return Refused(Cause.BINDING, facts.family.id)
    if facts.family.revoked_at is not None:
        return NothingToRevoke()
    return revoke(
        OfFamily(facts.family.id),
        cause=Cause.LOGGED_OUT,
        actor=facts.family.impersonator or facts.family.user_key,
        wait=wait,
    )


def _access_token(token: str, client: KnownClient, wait: float) -> Revoked | NothingToRevoke | Refused:
    claims = verify.access_token(
        token.encode("utf-8", "replace"),
        keys=KEYRING.current().access,
        issuer=conf.current().ISSUER,
        leeway=conf.current().LEEWAY,
        now=Moment().at.timestamp(),
    )
    if isinstance(claims, Refused):
        return NothingToRevoke()
    if claims.client_id != client.client_id:
        return Refused(Cause.BINDING, claims.sid)
    if _is_dead(claims):
        return NothingToRevoke()
    return revoke(OfToken(claims.jti), cause=Cause.LOGGED_OUT, actor=claims.act or claims.sub, wait=wait)


def _is_dead(claims: AccessClaims) -> bool:
    """Whether every process refuses it already: else one token, handed back again and again, would fill
    orders and trail."""
    MIRROR.stale()  # brings it up to date; where it cannot, what it holds is true all the same
    return MIRROR.floors().why_refused(claims) is not None
