"""Putting a pair together from a family's row: the same row makes the same pair (PROTOCOL 1)."""

from dataclasses import dataclass
from datetime import datetime

from tokenauth import conf
from tokenauth.flows.moment import Moment
from tokenauth.flows.outcomes import TokenPair
from tokenauth.models.family import TokenFamily
from tokenauth.policy.builtin import Policy
from tokenauth.tokens import access, refresh
from tokenauth.tokens.claims import AccessClaims, Epochs
from tokenauth.tokens.keyring import KEYRING
from tokenauth.tokens.keys import SymmetricKey


@dataclass(frozen=True, slots=True)
class Granted:
    """Scope and audience of one access token, in stored form."""

    scope: str
    audience: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of a family: a generation, a branch, and what its tokens say."""

    generation: int
    branch: int
    issued_at: datetime
    access_issued_at: datetime
    refresh_expires_at: datetime
    access_expires_at: datetime
    refresh_key: SymmetricKey
    granted: Granted


def of(family: TokenFamily, client_id: str, answer: Answer) -> TokenPair:
    """Return the pair of one answer.

    Args:
        family: The row; its identity, secret and epochs go into both tokens.
        client_id: The public id of the family's client.
        answer: Generation, branch, times and the grant for this access token.
    """
    refresh_token = refresh.made(
        identity_of(family),
        answer.refresh_key,
        issuer=conf.current().ISSUER,
        generation=answer.generation,
        branch=answer.branch,
        iat=_second(answer.issued_at),
        exp=_second(answer.refresh_expires_at),
    )
    return TokenPair(
        access_token=access.signed(_claims(family, client_id, answer), KEYRING.signing()),
        refresh_token=refresh_token,
        access_expires_at=answer.access_expires_at,
        refresh_expires_at=answer.refresh_expires_at,
        scope=answer.granted.scope,
        session_id=family.id,
        device_id=family.device_id,
    )


def identity_of(family: TokenFamily) -> refresh.Identity:
    """Return what of a family its token ids are derived from."""
    return refresh.Identity(
        id=family.id,
        secret=bytes(family.secret),
        user_key=family.user_key,
        client_pk=family.client_id,
        device_pk=family.device_id,
        audience=family.audience,
        jkt=family.jkt,
        transport=family.transport,
    )


def degraded_until(policy: Policy, *, newest: datetime, refresh_until: datetime, moment: Moment) -> datetime:
    """Return when a repeated access token expires: with the first, while that one is worth having.

    Args:
        newest: When the first one expires.
        refresh_until: When the refresh token beside it does.
    """
    if (newest - moment.at).total_seconds() >= policy.margin:
        return newest
    return moment.after(policy.access, at_most=refresh_until)


def _claims(family: TokenFamily, client_id: str, answer: Answer) -> AccessClaims:
    return AccessClaims(
        iss=conf.current().ISSUER,
        sub=family.user_key,
        aud=tuple(answer.granted.audience.split(" ")),
        client_id=client_id,
        iat=_second(answer.access_issued_at),
        exp=_second(answer.access_expires_at),
        jti=access.token_id(
            bytes(family.secret),
            generation=answer.generation,
            branch=answer.branch,
            scope=answer.granted.scope,
            audience=answer.granted.audience,
            jkt=family.jkt,
        ),
        session=str(family.id),
        device=str(family.device_id),
        gen=answer.generation,
        br=answer.branch,
        ep=Epochs(family.ep_site, family.ep_client, family.ep_device, family.ep_user),
        scope=answer.granted.scope,
        auth_time=_second(family.auth_time),
        acr=family.acr,
        amr=tuple(family.amr.split()),
        act=family.impersonator,
        cnf_jkt=family.jkt,
        act_ep=family.ep_impersonator,
    )


def _second(moment: datetime) -> int:
    return int(moment.timestamp())
