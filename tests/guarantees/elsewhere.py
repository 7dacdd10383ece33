"""What another process makes of a token: it remembers nothing and asks the database for everything."""

import time

from django.db import connections

from tokenauth import conf
from tokenauth.errors import Refused
from tokenauth.revocation import source
from tokenauth.revocation.mirror import Mirror
from tokenauth.tokens import refresh, verify
from tokenauth.tokens.encoding import from_base64url, from_json_object
from tokenauth.tokens.keyring import Keyring, database

#: Settings of a process whose mirror has a connection of its own, as in production, but no thread.
OWN_MIRROR = {"MIRROR": "request"}


def accepted_elsewhere(access_token: str) -> bool:
    """Whether a process whose keys and mirror were loaded this moment accepts an access token."""
    settings = conf.current()
    claims = verify.access_token(
        access_token.encode(),
        keys=Keyring().current().access,
        issuer=settings.ISSUER,
        leeway=settings.LEEWAY,
        now=time.time(),
    )
    return not isinstance(claims, Refused) and _fresh_mirror().floors.why_refused(claims) is None


def kid_of(token: str) -> str:
    """The key that a token of either kind says it was signed by."""
    header, _, _ = token.removeprefix(refresh.PREFIX).partition(".")
    return str(from_json_object(from_base64url(header.encode()))["kid"])


def _fresh_mirror() -> Mirror:
    mirror = Mirror()
    while (answer := source.ask(connections[database()], after=mirror.number)) is not None:
        mirror.take(answer)
        if not answer.is_full:
            break
    return mirror
