"""The trail: what happened, each row under a MAC (PROTOCOL 6)."""

from typing import Self
from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _


class EventKind(models.IntegerChoices):
    """REFERENCE T6. The numbers are stored and sealed: never reuse one."""

    ISSUED = 1, _("issued")
    ROTATED = 2, _("rotated")
    REPEATED = 3, _("repeated")
    LATE_REPEAT = 4, _("late repeat")
    REUSE = 5, _("theft")
    DATABASE_BEHIND = 6, _("database was behind")
    KEPT = 7, _("kept through a password change")
    ENDED = 8, _("ended")
    REVOKED = 9, _("revoked")
    BINDING_REFUSED = 10, _("refused: not its device")
    PROOF_REFUSED = 11, _("refused: no proof")
    KEY_MADE = 12, _("key made")
    KEY_PROMOTED = 13, _("key promoted")
    KEY_RETIRED = 14, _("key retired")
    KEY_KILLED = 15, _("key killed")
    CLIENT_CHANGED = 16, _("client changed")
    SECRET_MADE = 17, _("secret made")
    SECRET_RETIRED = 18, _("secret retired")
    DEVICE_LOST = 19, _("device lost")


class TokenEventQuerySet(models.QuerySet["TokenEvent"]):
    def of_family(self, family_id: UUID) -> Self:
        """One family's lineage, oldest first."""
        return self.filter(family=family_id).order_by("id")

    def of_user(self, user_key: str) -> Self:
        """Everything that concerns one account, oldest first."""
        return self.filter(user_key=user_key).order_by("id")

    def told(self) -> Self:
        """All but rotations and repeats: what an operator asks for by kind, client, device or actor."""
        return self.exclude(kind__in=TokenEvent.EVERYDAY)


class TokenEvent(models.Model):
    """One line of the trail. No foreign key: it outlives whom and what it names."""

    #: What clients do all day long: only the indexes of family and user hold these.
    EVERYDAY = (EventKind.ROTATED, EventKind.REPEATED)

    at = models.DateTimeField()
    kind = models.SmallIntegerField(choices=EventKind)
    family = models.UUIDField(null=True)
    user_key = models.CharField(max_length=255, blank=True)
    client_id = models.CharField(max_length=100, blank=True)
    device = models.UUIDField(null=True)
    generation = models.IntegerField(null=True)
    branch = models.SmallIntegerField(null=True)
    cause = models.CharField(max_length=32, blank=True)
    actor = models.CharField(max_length=255, blank=True)
    #: At most 512 bytes, ASCII JSON.
    data = models.JSONField(null=True)
    detail_hash = models.BinaryField(max_length=32, null=True)
    mac = models.BinaryField(max_length=32)

    objects = TokenEventQuerySet.as_manager()

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        indexes = [
            models.Index(fields=["family", "id"], name="tokenauth_event_family"),
            models.Index(fields=["user_key", "id"], name="tokenauth_event_user"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} at {self.at:%Y-%m-%d %H:%M:%S}"


class EventDetail(models.Model):
    """The personal part of an event, erasable: the event keeps only a keyed digest of it."""

    event = models.OneToOneField(
        TokenEvent, on_delete=models.CASCADE, primary_key=True, related_name="detail"
    )
    salt = models.BinaryField(max_length=16)
    address = models.GenericIPAddressField(null=True)
    agent = models.CharField(max_length=256, blank=True)
    name = models.CharField(max_length=255, blank=True)

    class Meta:
        verbose_name = _("detail of an event")
        verbose_name_plural = _("details of events")
        # written at login, reuse and late repeat: no refresh pays for these
        indexes = [
            models.Index(fields=["address", "event"], name="tokenauth_detail_address"),
            models.Index(fields=["name", "event"], name="tokenauth_detail_name"),
        ]

    def __str__(self) -> str:
        return f"detail of event {self.event_id}"
