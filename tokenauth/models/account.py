"""The epochs of an account and of the whole site (PROTOCOL 2)."""

from collections.abc import Collection
from typing import Self

from django.db import connections, models
from django.db.models import F, Q, Value
from django.db.models.functions import Greatest
from django.utils.translation import gettext_lazy as _

from tokenauth.models import upsert


class AccountStateQuerySet(models.QuerySet["AccountState"]):
    def epoch_of(self, user_key: str) -> int:
        """Return the account's epoch: 0 until its first revocation. One query."""
        return self.filter(user_key=user_key).values_list("epoch", flat=True).first() or 0

    def advance(self, user_key: str) -> int:
        """Move the account's epoch by one and return it; the row stays locked until commit. One query."""
        return upsert.next_epoch(AccountState, user_key, using=self.db)

    def raise_to(self, user_key: str, floor: int) -> int:
        """Raise the epoch to a floor that is known from an order (the database went back)."""
        upsert.insert_missing(connections[self.db], AccountState(user_key=user_key))
        self.filter(user_key=user_key, epoch__lt=floor).update(epoch=floor)
        return self.epoch_of(user_key)

    def advance_all(self, user_keys: Collection[str]) -> dict[str, int]:
        """Move the epochs of many accounts by one and return them; the rows stay locked until commit.

        One query, two on MySQL. Every caller locks them in the same order, so that none of two is the
        victim of a deadlock.
        """
        ordered = sorted(set(user_keys))
        return upsert.next_epochs(AccountState, ordered, using=self.db) if ordered else {}

    def stamp(self, user_key: str, fingerprint: bytes) -> None:
        """Keep how an account looks. One query."""
        self.filter(user_key=user_key).update(fingerprint=fingerprint)

    def forget_looks(self) -> None:
        """Compare nobody with how he looked: a trigger sees changes now, or all were written anew."""
        self.exclude(fingerprint=None).update(fingerprint=None)

    def locked(self, user_key: str) -> Self:
        """The account's row, made where it is absent and locked until commit."""
        upsert.insert_missing(connections[self.db], AccountState(user_key=user_key))
        return self.filter(user_key=user_key).select_for_update()


class AccountState(models.Model):
    """A user's epoch. No foreign key: it outlives the user, so a re-created key stays dead."""

    user_key = models.CharField(max_length=255, primary_key=True)
    epoch = models.BigIntegerField(default=0)
    fingerprint = models.BinaryField(max_length=32, null=True, editable=False)

    objects = AccountStateQuerySet.as_manager()

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
        constraints = [models.CheckConstraint(condition=Q(epoch__gte=0), name="tokenauth_account_epoch")]

    def __str__(self) -> str:
        return f"account {self.user_key} at epoch {self.epoch}"


class SiteQuerySet(models.QuerySet["Site"]):
    def now(self) -> "Site":
        """Return the row as it stands, unsaved and at zero until everything was revoked once."""
        return self.first() or Site()

    def epoch_now(self) -> int:
        """Return the site's epoch: 0 until everything was revoked once. One query."""
        return self.values_list("epoch", flat=True).first() or 0

    def advance(self) -> int:
        """Move the site's epoch by one and return it; the row stays locked until commit. One query."""
        return upsert.next_epoch(Site, 1, using=self.db)

    def begin_era(self, second: int) -> int:
        """Move the epoch to a unix second, which no counting reaches, or by one; return it. Three queries."""
        self._ensure()
        self.update(epoch=Greatest(F("epoch") + 1, Value(second)))
        return self.epoch_now()

    def raise_to(self, floor: int) -> int:
        """Raise the epoch to a floor that is known from an order (the database went back)."""
        self._ensure()
        self.filter(epoch__lt=floor).update(epoch=floor)
        return self.epoch_now()

    def refuse_issued_before(self, second: int) -> int:
        """Keep the latest moment (unix seconds) before which nothing issued counts; return it."""
        self._ensure()
        self.filter(Q(issued_before=None) | Q(issued_before__lt=second)).update(issued_before=second)
        return self.values_list("issued_before", flat=True).first() or second

    def _ensure(self) -> None:
        upsert.insert_missing(connections[self.db], Site(pk=1))


class Site(models.Model):
    """The one row that everything is stamped with."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    epoch = models.BigIntegerField(default=0)
    #: Unix seconds; families created earlier may not refresh.
    issued_before = models.BigIntegerField(null=True)

    objects = SiteQuerySet.as_manager()

    class Meta:
        verbose_name = _("whole site")
        verbose_name_plural = _("whole site")
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="tokenauth_site_is_one"),
            models.CheckConstraint(condition=Q(epoch__gte=0), name="tokenauth_site_epoch"),
        ]

    def __str__(self) -> str:
        return f"site at epoch {self.epoch}"
