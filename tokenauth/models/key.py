"""Keys at rest: each record is one sealed envelope (PROTOCOL 4)."""

from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class KeyPurpose(models.TextChoices):
    """What a key is for; none serves two purposes."""

    ACCESS = "access"
    REFRESH = "refresh"
    AUDIT = "audit"
    PLANE = "plane"
    PEPPER = "pepper"
    PRIVACY = "privacy"


class KeyState(models.TextChoices):
    """next -> active -> retiring -> retired; killed is for ever."""

    NEXT = "next"
    ACTIVE = "active"
    RETIRING = "retiring"
    RETIRED = "retired"
    KILLED = "killed"


#: The unique slot a state holds: one active and one next key for each purpose.
SLOT: dict[str, int | None] = {KeyState.ACTIVE: 1, KeyState.NEXT: 2}


class KeyRecordQuerySet(models.QuerySet["KeyRecord"]):
    def usable(self) -> Self:
        """Keys that still sign or verify."""
        return self.filter(state__in=[KeyState.NEXT, KeyState.ACTIVE, KeyState.RETIRING])

    def locked(self, purpose: str) -> Self:
        """All records of one purpose, locked until commit, oldest first."""
        return self.filter(purpose=purpose).order_by("created_at", "kid").select_for_update()


class KeyRecord(models.Model):
    """One key. What is signed with and served comes out of the opened envelope, never of a column."""

    kid = models.CharField(max_length=64, primary_key=True)
    purpose = models.CharField(max_length=10, choices=KeyPurpose)
    alg = models.CharField(max_length=10)
    state = models.CharField(max_length=10, choices=KeyState)
    active_slot = models.SmallIntegerField(null=True, editable=False)
    envelope = models.BinaryField(editable=False)
    created_at = models.DateTimeField()
    activated_at = models.DateTimeField(null=True)
    retiring_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    objects = KeyRecordQuerySet.as_manager()

    class Meta:
        verbose_name = _("key")
        verbose_name_plural = _("keys")
        constraints = [
            models.UniqueConstraint(fields=["purpose", "active_slot"], name="tokenauth_key_one_in_slot"),
            models.CheckConstraint(
                condition=(
                    Q(state="active", active_slot=1, active_slot__isnull=False)
                    | Q(state="next", active_slot=2, active_slot__isnull=False)
                    | Q(state__in=["retiring", "retired", "killed"], active_slot=None)
                ),
                name="tokenauth_key_slot_of_state",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} key {self.kid} ({self.state})"
