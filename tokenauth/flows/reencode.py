"""Storing other hashes of unchanged passwords, many at once (PROTOCOL 2)."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction
from django.utils import timezone

from tokenauth.models import AccountState, PasswordUpgrade, isolation, users
from tokenauth.revocation import account_triggers
from tokenauth.revocation.account_triggers import Mode
from tokenauth.risk import upgrades
from tokenauth.tokens.keyring import database


@contextmanager
def reencoding_passwords() -> Iterator[None]:
    """Let this transaction write password columns without logging anybody out.

    For a migration that wraps or re-encodes hashes; nobody's password may really change within it:

        with flows.reencoding_passwords():
            User.objects.bulk_update(batch, ["password"])

    Who becomes inactive or is deleted within it loses his tokens all the same. Other transactions are not
    concerned: what allows it is a row that only this one sees, gone before it commits. Two queries.

    Without the trigger it also forgets what accounts looked like: run the job `sweep` before it, or a
    change that nobody saw until then stays unseen.
    """
    with isolation.read_committed(using=database()), upgrades.allowed():
        if account_triggers.mode() is Mode.SIGNALS:
            yield
            _forget_looks()
            return
        marks = PasswordUpgrade.objects.using(database())
        everyone = marks.mark_everyone(at=timezone.now())
        yield
        marks.filter(pk=everyone.pk).delete()


def _forget_looks() -> None:
    states = AccountState.objects.using(database())
    if users.database() == database():  # with the hashes: nobody compares one with the other's past
        states.forget_looks()
    else:
        transaction.on_commit(states.forget_looks, using=users.database(), robust=True)
