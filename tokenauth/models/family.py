"""One login's chain of refresh tokens: one row however long it lives."""

from datetime import UTC, datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils.timezone import make_naive
from django.utils.translation import gettext_lazy as _

from tokenauth.models.account import AccountState, Site
from tokenauth.models.client import Client
from tokenauth.models.device import Device
from tokenauth.models.ids import new_id


class Transport(models.IntegerChoices):
    """How the refresh token travels; it never changes."""

    BODY = 1
    COOKIE = 2


class TokenFamilyQuerySet(models.QuerySet["TokenFamily"]):
    def of_user(self, user_key: str) -> Self:
        """The user's families, newest first."""
        return self.filter(user_key=user_key).order_by("-created_at", "-id")

    def live(self, *, at: datetime) -> Self:
        """Families that may still rotate by their own row; epochs are judged apart."""
        return self.filter(revoked_at=None, refresh_expires_at__gt=at, absolute_expires_at__gt=at)

    def own(self) -> Self:
        """Families in which nobody acts in the user's name."""
        return self.filter(impersonator="")

    def impersonated(self, *, user_key: str, by: str) -> Self:
        """Families of a user that were made by somebody who acts in his name."""
        return self.filter(user_key=user_key, impersonator=by)

    def standing(self, *, account_epoch: int, site: Site, at: datetime) -> Self:
        """Live families that no epoch above them has passed: what a user sees as his sessions."""
        alive = (
            self.live(at=at)
            .filter(
                client__disabled_at=None,
                ep_client__gte=F("client__epoch"),
                ep_device__gte=F("device__epoch"),
                ep_user__gte=account_epoch,
                ep_site__gte=site.epoch,
            )
            .exclude(below_impersonator())
        )
        if site.issued_before is None:
            return alive
        moment = datetime.fromtimestamp(site.issued_before, UTC)
        return alive.filter(created_at__gte=moment if settings.USE_TZ else make_naive(moment))

    def expired(self, *, at: datetime) -> Self:
        """Families past their absolute end, oldest first: what a purge deletes."""
        return self.filter(absolute_expires_at__lte=at).order_by("absolute_expires_at")

    def end(self, *, at: datetime, cause: str, actor: str) -> int:
        """End these families for good; return how many were still alive."""
        return self.filter(revoked_at=None).update(
            revoked_at=at, cause=cause, actor=actor[:255], live_device=None
        )


def below_impersonator() -> Q:
    """Families whose impersonator's own tokens were ended since they were made."""
    passed = AccountState.objects.filter(
        user_key=OuterRef("impersonator"), epoch__gt=OuterRef("ep_impersonator")
    )
    return ~Q(impersonator="") & Q(Exists(passed))


class TokenFamily(models.Model):
    """Identity and grant never change; a rotation writes the position, none of it in an index."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)

    user_key = models.CharField(max_length=255)
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="families", db_index=False)
    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="families")
    audience = models.TextField()
    scope = models.TextField(blank=True)
    transport = models.SmallIntegerField(choices=Transport, default=Transport.BODY)
    jkt = models.CharField(max_length=43, blank=True)
    auth_time = models.DateTimeField()
    acr = models.CharField(max_length=100, blank=True)
    amr = models.CharField(max_length=100, blank=True)
    backend = models.CharField(max_length=255)
    impersonator = models.CharField(max_length=255, blank=True)
    policy = models.CharField(max_length=64)
    policy_version = models.IntegerField(default=0)
    risk = models.SmallIntegerField(default=0)

    created_at = models.DateTimeField()
    absolute_expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    cause = models.CharField(max_length=32, blank=True)
    actor = models.CharField(max_length=255, blank=True)
    live_device = models.UUIDField(null=True, unique=True)

    secret = models.BinaryField(max_length=32, editable=False)
    generation = models.IntegerField(default=0)
    branches = models.SmallIntegerField(default=1)
    won = models.SmallIntegerField(null=True)
    rotated_at = models.DateTimeField()
    attempt = models.BinaryField(max_length=16, null=True, editable=False)
    overlap_run = models.IntegerField(default=0)
    overlapped = models.BooleanField(default=False)
    exact = models.BooleanField(default=False)

    refresh_kid = models.CharField(max_length=64)
    format = models.SmallIntegerField(default=1)
    refresh_expires_at = models.DateTimeField()
    access_expires_at = models.DateTimeField()

    ep_site = models.BigIntegerField(default=0)
    ep_client = models.BigIntegerField(default=0)
    ep_device = models.BigIntegerField(default=0)
    ep_user = models.BigIntegerField(default=0)
    #: Of the account of `impersonator`; 0 without one.
    ep_impersonator = models.BigIntegerField(default=0)

    objects = TokenFamilyQuerySet.as_manager()

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        indexes = [
            models.Index(fields=["user_key", "created_at"], name="tokenauth_family_user"),
            models.Index(fields=["client", "id"], name="tokenauth_family_client"),
            models.Index(fields=["absolute_expires_at"], name="tokenauth_family_absolute"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(generation__gte=0) & Q(branches__gte=1) & Q(branches__lte=255),
                name="tokenauth_family_position",
            ),
            models.CheckConstraint(
                condition=Q(won=None) | Q(won__gte=0, won__lt=255, generation__gt=0),
                name="tokenauth_family_won",
            ),
            models.CheckConstraint(
                condition=Q(revoked_at=None, cause="") | (Q(revoked_at__isnull=False) & ~Q(cause="")),
                name="tokenauth_family_end_has_cause",
            ),
            models.CheckConstraint(
                condition=Q(live_device=None) | Q(revoked_at=None, live_device=F("device_id")),
                name="tokenauth_family_live_device",
            ),
            models.CheckConstraint(
                condition=Q(refresh_expires_at__lte=F("absolute_expires_at"))
                & Q(access_expires_at__lte=F("absolute_expires_at")),
                name="tokenauth_family_never_outlives_absolute",
            ),
            models.CheckConstraint(condition=Q(transport__in=[1, 2]), name="tokenauth_family_transport"),
            models.CheckConstraint(
                condition=Q(ep_site__gte=0, ep_client__gte=0, ep_device__gte=0, ep_user__gte=0)
                & Q(ep_impersonator__gte=0),
                name="tokenauth_family_epochs",
            ),
        ]

    def __str__(self) -> str:
        return f"session {self.pk}"
