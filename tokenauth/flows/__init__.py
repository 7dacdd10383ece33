"""The use cases. What a site calls is listed here; all else may change."""

from tokenauth.flows.challenge import Challenge
from tokenauth.flows.introspect import introspect
from tokenauth.flows.issue import issue
from tokenauth.flows.keep import keep
from tokenauth.flows.reencode import reencoding_passwords
from tokenauth.flows.revoke import revoke, revoke_others
from tokenauth.flows.rotate import rotate

__all__ = [
    "Challenge",
    "introspect",
    "issue",
    "keep",
    "reencoding_passwords",
    "revoke",
    "revoke_others",
    "rotate",
]
