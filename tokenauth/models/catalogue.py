"""Versions of what every process holds in memory: a poll that sees another one loads it again.

Rows of their own: a site's transaction that saves a client must not hold the plane's row, which every
numbering of orders needs.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _

from tokenauth.models import upsert


class Held(models.TextChoices):
    """What is held."""

    CLIENTS = "clients"
    KEYS = "keys"


class CatalogueQuerySet(models.QuerySet["Catalogue"]):
    def changed(self, held: Held) -> None:
        """Make every process load it again after the caller's commit. One query."""
        upsert.next_epoch(Catalogue, held.value, using=self.db, counter="version")

    def version_of(self, held: Held) -> int:
        """Return the version: 0 before the first change. One query."""
        return self.filter(name=held).values_list("version", flat=True).first() or 0


class Catalogue(models.Model):
    """The version of one thing that is held."""

    name = models.CharField(max_length=10, primary_key=True, choices=Held)
    version = models.BigIntegerField(default=0)

    objects = CatalogueQuerySet.as_manager()

    class Meta:
        verbose_name = _("version")
        verbose_name_plural = _("versions of what processes hold")

    def __str__(self) -> str:
        return f"{self.name} at version {self.version}"
