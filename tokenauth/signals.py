"""What a site may listen to. Sent after the commit; a receiver that fails is logged and changes nothing."""

from typing import Any

from django.db import transaction
from django.dispatch import Signal

from tokenauth.models import AccountState, TokenFamily
from tokenauth.tokens.keyring import database

#: A login has made a session: `family_id`, `user_key`, `client_id`, `device_id`, `impersonator` (the key
#: of who acts in the user's name, else empty).
session_started = Signal()
#: One session has ended by itself: `family_id`, `user_key`, `cause`. A revoked account ends all of its
#: sessions with one `account_revoked` instead.
session_ended = Signal()
#: A refresh token was shown that only a second holder can have: `family_id`, `user_key`, `client_id`.
reuse_detected = Signal()
#: All sessions of an account have ended (`kept`: but that one): `user_key`, `cause`, `actor`, `kept`.
account_revoked = Signal()

_SENDERS: dict[Signal, type[Any]] = {
    session_started: TokenFamily,
    session_ended: TokenFamily,
    reuse_detected: TokenFamily,
    account_revoked: AccountState,
}


def after_commit(signal: Signal, **facts: Any) -> None:
    """Send a signal once the transaction has committed, at once without one; never if it rolls back."""

    def send() -> None:
        signal.send_robust(sender=_SENDERS[signal], **facts)

    transaction.on_commit(send, using=database(), robust=True)
