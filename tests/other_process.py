"""What another process does: it leaves this one's mirror to its next question to the database."""

from unittest import mock

from tokenauth.flows import revoke
from tokenauth.flows.outcomes import Revoked
from tokenauth.revocation.process import MIRROR
from tokenauth.revocation.subjects import Subject


def revoke_elsewhere(subject: Subject) -> Revoked:
    """Revoke without the hint by which a process obeys its own orders at once."""
    with mock.patch.object(MIRROR, "hint"):
        return revoke(subject)
