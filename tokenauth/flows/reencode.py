"""Storing other hashes of unchanged passwords, many at once (PROTOCOL 2)."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.utils import timezone

from tokenauth.models import PasswordUpgrade, isolation
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
    """
    with isolation.read_committed(using=database()), upgrades.allowed():
        if account_triggers.mode() is Mode.SIGNALS:
            yield
            return
        marks = PasswordUpgrade.objects.using(database())
        everyone = marks.mark_everyone(at=timezone.now())
        yield
        marks.filter(pk=everyone.pk).delete()
