"""Durable revocations and the counter that numbers them (PROTOCOL 3)."""

import uuid
from typing import Self

from django.db import connections, models
from django.db.models import Case, F, Q, Value, When
from django.utils.translation import gettext_lazy as _

from tokenauth.models import upsert
from tokenauth.models.database_clock import DatabaseMilliseconds


class OrderKind(models.IntegerChoices):
    """REFERENCE T5. The numbers are on the wire and in rows: never reuse one."""

    SITE = 1, _("everything")
    BEFORE = 2, _("everything before a moment")
    CLIENT = 3, _("client")
    DEVICE = 4, _("device")
    USER = 5, _("account")
    FAMILY = 6, _("session")
    JTI = 7, _("access token")
    KID = 8, _("key")
    GENERATION = 9, _("spent generation")


class RevocationOrderQuerySet(models.QuerySet["RevocationOrder"]):
    def unnumbered(self) -> Self:
        """Committed orders that nobody has numbered yet, oldest first."""
        return self.filter(number=None).order_by("id")

    def after(self, number: int) -> Self:
        """Numbered orders above a number, in order."""
        return self.filter(number__gt=number).order_by("number")

    def told(self) -> Self:
        """All but what refreshes supersede: what an operator asks for by kind, key or actor."""
        return self.exclude(kind__in=RevocationOrder.EVERYDAY)


class RevocationOrder(models.Model):
    """One revocation. No foreign key: it outlives what it revokes."""

    #: What refreshes write.
    EVERYDAY = (OrderKind.GENERATION,)

    number = models.BigIntegerField(null=True, unique=True)
    kind = models.SmallIntegerField(choices=OrderKind)
    key = models.CharField(max_length=255, blank=True)
    floor = models.BigIntegerField(default=0)
    until = models.DateTimeField(null=True)
    at = models.DateTimeField()
    cause = models.CharField(max_length=32, blank=True)
    actor = models.CharField(max_length=255, blank=True)

    objects = RevocationOrderQuerySet.as_manager()

    class Meta:
        verbose_name = _("revocation")
        verbose_name_plural = _("revocations")
        constraints = [
            models.CheckConstraint(
                condition=Q(number=None) | Q(number__gte=1), name="tokenauth_order_number"
            ),
            models.CheckConstraint(
                condition=Q(number=None) | Q(until__isnull=False), name="tokenauth_order_numbered_ends"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} order {self.number or '(unnumbered)'}"


#: Seconds for which processes report at most.
LONGEST_REPORTS = 60


class PlaneQuerySet(models.QuerySet["Plane"]):
    def ensure(self) -> None:
        """Make the one row where it is absent."""
        upsert.insert_missing(connections[self.db], Plane(pk=1, plane_id=uuid.uuid4()))

    def begin_anew(self) -> uuid.UUID:
        """Give the plane another id: every mirror takes what follows for another history. Two queries."""
        self.ensure()
        plane_id = uuid.uuid4()
        self.update(plane_id=plane_id)
        return plane_id

    def milliseconds(self) -> int:
        """Return the database's time: unix milliseconds; 0 while there is no plane. One query."""
        return self.annotate(now=DatabaseMilliseconds()).values_list("now", flat=True).first() or 0

    def ask_for_reports(self, seconds: float) -> int:
        """Have every process say how far it is, now and after each change for so long. Two queries.

        Args:
            seconds: At most `LONGEST_REPORTS`; a poll believes no more.
        Returns:
            When it was asked: unix milliseconds by the database's clock. 0 while there is no plane.
        """
        if not (asked := self.milliseconds()):
            return 0
        until = asked + round(min(seconds, LONGEST_REPORTS) * 1000)
        # always another value than before: by that a process sees that it was asked once more
        later = When(report_until__gte=until, then=F("report_until") + 1)
        self.update(report_until=Case(later, default=Value(until)))
        return asked


class Plane(models.Model):
    """The one row every mirror polls."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    #: Another value means another history: mirrors load anew.
    plane_id = models.UUIDField()
    #: Number of the newest numbered order.
    n = models.BigIntegerField(default=0)
    #: Seconds.
    longest_access = models.IntegerField(default=300)
    #: Until then each process reports what it applies: unix milliseconds by the database's clock.
    report_until = models.BigIntegerField(default=0, db_default=0)

    objects = PlaneQuerySet.as_manager()

    class Meta:
        verbose_name = _("revocation plane")
        verbose_name_plural = _("revocation plane")
        constraints = [models.CheckConstraint(condition=Q(id=1), name="tokenauth_plane_is_one")]
        permissions = [("revoke", "Can revoke tokens, sessions and keys")]

    def __str__(self) -> str:
        return f"plane at {self.n}"
