"""The use cases. What a site calls is listed here; all else may change."""

from tokenauth.flows.asked import Asked, DeviceAsked, LoginAsked, Origin
from tokenauth.flows.challenge import Challenge
from tokenauth.flows.introspect import introspect
from tokenauth.flows.issue import issue
from tokenauth.flows.keep import keep
from tokenauth.flows.outcomes import Applied, Issued, Repeated, Revoked, Rotated, Sibling, TokenPair
from tokenauth.flows.reencode import reencoding_passwords
from tokenauth.flows.revoke import revoke, revoke_others
from tokenauth.flows.rotate import rotate
from tokenauth.flows.seen import before_authentication

__all__ = [
    "Applied",
    "Asked",
    "Challenge",
    "DeviceAsked",
    "Issued",
    "LoginAsked",
    "Origin",
    "Repeated",
    "Revoked",
    "Rotated",
    "Sibling",
    "TokenPair",
    "before_authentication",
    "introspect",
    "issue",
    "keep",
    "reencoding_passwords",
    "revoke",
    "revoke_others",
    "rotate",
]
