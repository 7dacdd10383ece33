"""Password hashes that logins have made better: the mark by which the trigger knows them (PROTOCOL 2)."""

from datetime import datetime
from typing import Self

from django.db import models

#: Characters at a hash's end that tell two hashes apart; the whole hash lies in the user's row only.
TAIL = 16
#: No account's key: the mark by which one transaction re-encodes whatever it likes.
EVERYONE = ""


class PasswordUpgradeQuerySet(models.QuerySet["PasswordUpgrade"]):
    def mark(self, user_key: str, *, old: str, new: str, at: datetime) -> "PasswordUpgrade":
        """Say that a login is about to store `new` for the same password as `old`. One query."""
        return self.create(user_key=user_key, old_tail=old[-TAIL:], new_tail=new[-TAIL:], at=at)

    def mark_everyone(self, *, at: datetime) -> "PasswordUpgrade":
        """Say that no hash this transaction writes is another password; delete it before the commit."""
        return self.create(user_key=EVERYONE, at=at)

    def made_before(self, moment: datetime) -> Self:
        """Marks that no save can be waiting for any more."""
        return self.filter(at__lt=moment)


class PasswordUpgrade(models.Model):
    """One better hash of an unchanged password. The trigger marks it used as the row takes the new hash."""

    user_key = models.CharField(max_length=255)
    old_tail = models.CharField(max_length=TAIL)
    new_tail = models.CharField(max_length=TAIL)
    at = models.DateTimeField()
    used = models.BooleanField(default=False)

    objects = PasswordUpgradeQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["user_key"], name="tokenauth_upgrade_user")]

    def __str__(self) -> str:
        return f"upgrade of account {self.user_key}"
