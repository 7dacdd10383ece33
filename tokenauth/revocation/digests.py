"""What stands for a revoked subject outside this site: a digest that only one server can compare.

Pure, like the mirror: both ends of the feed use it.
"""

import hmac
from collections.abc import Callable

from tokenauth.revocation.mirror import Kind
from tokenauth.tokens.encoding import to_base64url

_LABEL = b"resource server 1|"
#: Kinds that concern the whole site: they name no subject.
OF_THE_SITE = frozenset({Kind.SITE, Kind.BEFORE})
# a session ends by one kind and is superseded by another; a token names it once
_SUBJECT_OF = {Kind.GENERATION: Kind.FAMILY}


def server_key(mac: Callable[[bytes], bytes], client_id: str) -> bytes:
    """Return the key of one resource server's digests: another server's tell it nothing.

    Args:
        mac: HMAC-SHA-256 by the plane key.
        client_id: Of the resource server.
    """
    return mac(_LABEL + client_id.encode("utf-8", "surrogatepass"))


def digest(key: bytes, kind: Kind, subject: str) -> str:
    """Return what stands for a subject: 16 bytes as base64url."""
    label = f"{int(_SUBJECT_OF.get(kind, kind))}|{subject}"
    return to_base64url(hmac.digest(key, label.encode("utf-8", "surrogatepass"), "sha256")[:16])
