"""Installations of a client that a user uses."""

import uuid
from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import F, Q

from tokenauth.models.client import Client
from tokenauth.models.ids import new_id


def as_public_id(sent: str) -> uuid.UUID | None:
    """Return the public id that a client sent, in whatever spelling; None where it is none."""
    try:
        return uuid.UUID(sent)
    except ValueError:
        return None


class DeviceQuerySet(models.QuerySet["Device"]):
    def of_user(self, user_key: str) -> Self:
        """The user's own devices."""
        return self.filter(user_key=user_key)

    def known_as(self, sent: str, *, user_key: str, client: Client) -> Self:
        """The user's device of that public id or installation; lost ones are never found."""
        return self.called(sent, client_pk=client.pk).filter(user_key=user_key)

    def called(self, sent: str, *, client_pk: int) -> Self:
        """Devices of a client, whoever's, of that public id or installation; lost ones are never found."""
        by_id = Q(installation=sent)
        if public_id := as_public_id(sent):
            by_id |= Q(pk=public_id)
        return self.filter(by_id, client_id=client_pk, lost_at=None).order_by("-created_at")

    def lose(self, device: "Device", *, at: datetime) -> int:
        """Write the device off for good and return its new epoch; the row stays locked until commit."""
        self.filter(pk=device.pk).update(epoch=F("epoch") + 1, lost_at=at, installation=None)
        return self.values_list("epoch", flat=True).get(pk=device.pk)

    def advance(self, device: "Device") -> int:
        """Move the device's epoch by one and return it; the row stays locked until commit."""
        self.filter(pk=device.pk).update(epoch=F("epoch") + 1)
        return self.values_list("epoch", flat=True).get(pk=device.pk)

    def raise_to(self, device: "Device", floor: int) -> int:
        """Raise the epoch to a floor that is known from an order (the database went back)."""
        self.filter(pk=device.pk, epoch__lt=floor).update(epoch=floor)
        return self.values_list("epoch", flat=True).get(pk=device.pk)


class Device(models.Model):
    """One installation. `id` is public; `installation` is what the client calls itself."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user_key = models.CharField(max_length=255)
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="devices", db_index=False)
    installation = models.CharField(max_length=64, null=True, blank=True)  # noqa: DJ001 - NULL is unique
    name = models.CharField(max_length=100, blank=True)
    platform = models.CharField(max_length=50, blank=True)
    lost_at = models.DateTimeField(null=True, blank=True)
    epoch = models.BigIntegerField(default=0, editable=False)
    created_at = models.DateTimeField()

    objects = DeviceQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["user_key", "created_at"], name="tokenauth_device_user"),
            models.Index(fields=["client", "id"], name="tokenauth_device_client"),
        ]
        constraints = [
            # in this order: a login looks for an installation before it knows whose it is
            models.UniqueConstraint(
                fields=["client", "installation", "user_key"], name="tokenauth_device_installation"
            ),
            models.CheckConstraint(condition=Q(epoch__gte=0), name="tokenauth_device_epoch"),
            models.CheckConstraint(
                condition=Q(lost_at=None) | Q(installation=None), name="tokenauth_device_lost_is_final"
            ),
        ]

    def __str__(self) -> str:
        return self.name or str(self.pk)
