"""Registered applications and their secrets."""

from datetime import datetime
from typing import Any, Self

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q

from tokenauth.models.catalogue import Catalogue, Held

CLIENT_ID = RegexValidator(r"\A[\x21-\x7e]{1,100}\Z", "1 to 100 visible ASCII characters.")


class ClientQuerySet(models.QuerySet["Client"]):
    def update(self, **changes: Any) -> int:
        """Update, and make every process load the clients again."""
        updated = super().update(**changes)
        Catalogue.objects.using(self.db).changed(Held.CLIENTS)
        return updated

    def advance(self, client: "Client") -> int:
        """Move the client's epoch by one and return it; the row stays locked until commit."""
        self.filter(pk=client.pk).update(epoch=F("epoch") + 1)
        return self.values_list("epoch", flat=True).get(pk=client.pk)

    def raise_to(self, client: "Client", floor: int) -> int:
        """Raise the epoch to a floor that is known from an order (the database went back)."""
        self.filter(pk=client.pk, epoch__lt=floor).update(epoch=floor)
        return self.values_list("epoch", flat=True).get(pk=client.pk)


class Client(models.Model):
    """An application that asks for tokens, or a resource server that checks them."""

    class Kind(models.TextChoices):
        WEB = "web"
        NATIVE = "native"
        SERVICE = "service"
        RESOURCE = "resource"

    #: Kinds that must authenticate: without a secret they are refused.
    CONFIDENTIAL = frozenset({Kind.SERVICE, Kind.RESOURCE})

    client_id = models.CharField(max_length=100, unique=True, validators=[CLIENT_ID])
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=10, choices=Kind)
    first_party = models.BooleanField(default=False)
    policy = models.CharField(max_length=64, blank=True)
    audiences = models.JSONField(default=list, blank=True)
    scopes = models.JSONField(default=list, blank=True)
    #: Of a resource server: classes of login of which its tokens must name one; empty for any.
    acr = models.JSONField(default=list, blank=True)
    disabled_at = models.DateTimeField(null=True, blank=True, editable=False)
    epoch = models.BigIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ClientQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(epoch__gte=0), name="tokenauth_client_epoch"),
            models.CheckConstraint(
                condition=Q(kind__in=["web", "native", "service", "resource"]), name="tokenauth_client_kind"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ClientSecretQuerySet(models.QuerySet["ClientSecret"]):
    def live(self, *, at: datetime) -> Self:
        """Secrets that a client may authenticate with."""
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=at), revoked_at=None)

    def note_use(self, secret_id: int, *, at: datetime, unless_since: datetime) -> None:
        """Record the last use unless one is recorded since; no process loads the clients again for it."""
        stale = Q(last_used_at=None) | Q(last_used_at__lte=unless_since)
        self.filter(stale, pk=secret_id).update(last_used_at=at)


class ClientSecret(models.Model):
    """A keyed digest of a secret that was shown once (PROTOCOL 4)."""

    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="secrets")
    digest = models.BinaryField(max_length=32, editable=False)
    tail = models.CharField(max_length=4, editable=False)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    objects = ClientSecretQuerySet.as_manager()

    def __str__(self) -> str:
        return f"secret …{self.tail}"

    def is_live(self, at: datetime) -> bool:
        """Whether a client may authenticate with it."""
        return self.revoked_at is None and (self.expires_at is None or at < self.expires_at)
