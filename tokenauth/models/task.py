"""Leases of the housekeeping jobs (PROTOCOL 3)."""

from django.db import models


class TaskRun(models.Model):
    """When a job last succeeded and who may not start it again before when."""

    name = models.CharField(max_length=64, primary_key=True)
    last_ok_at = models.DateTimeField(null=True)
    leased_until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name
