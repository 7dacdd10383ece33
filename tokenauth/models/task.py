"""Leases of the housekeeping jobs (PROTOCOL 3)."""

from datetime import datetime, timedelta

from django.db import connections, models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tokenauth.models import upsert


class TaskRunQuerySet(models.QuerySet["TaskRun"]):
    def lease(self, name: str, seconds: float, at: datetime) -> bool:
        """Take the job for so long, unless another has it. True for exactly one caller. Two queries."""
        upsert.insert_missing(connections[self.db], TaskRun(name=name))
        free = self.filter(Q(leased_until=None) | Q(leased_until__lte=at), name=name)
        return free.update(leased_until=at + timedelta(seconds=seconds)) == 1

    def position_of(self, name: str) -> str:
        """Return how far a job came. One query."""
        return self.filter(name=name).values_list("position", flat=True).first() or ""

    def came_to(self, name: str, position: str) -> None:
        """Keep how far a job came: what it has done is not done again after it died. One query."""
        self.filter(name=name).update(position=position)

    def succeeded(self, name: str, at: datetime, *, until: datetime) -> None:
        """Keep when a run began that succeeded; free its lease, which ends at `until`. Two queries."""
        self.filter(Q(last_ok_at=None) | Q(last_ok_at__lt=at), name=name).update(last_ok_at=at)
        self.released(name, until=until)

    def released(self, name: str, *, until: datetime) -> None:
        """Free the lease that ends at `until`: one that outlived itself is another's by now. One query."""
        self.filter(name=name, leased_until=until).update(leased_until=None)


class TaskRun(models.Model):
    """When a job last succeeded and who may not start it again before when."""

    name = models.CharField(max_length=64, primary_key=True)
    last_ok_at = models.DateTimeField(null=True)
    leased_until = models.DateTimeField(null=True)
    #: How far a job came that goes through a whole table; empty: it begins anew.
    position = models.CharField(max_length=255, blank=True)

    objects = TaskRunQuerySet.as_manager()

    class Meta:
        verbose_name = _("housekeeping job")
        verbose_name_plural = _("housekeeping jobs")

    def __str__(self) -> str:
        return self.name
