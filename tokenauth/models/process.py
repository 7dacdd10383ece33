"""The processes that have a mirror, as each says of itself: for people, not for any decision (PROTOCOL 3)."""

from typing import Self

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from tokenauth.models.database_clock import DatabaseMilliseconds, milliseconds

#: Seconds between two reports of a process that nobody asks for more.
PACE = 15
#: Seconds after which a process that has said nothing counts as gone.
GONE = 60


class MirrorProcessQuerySet(models.QuerySet["MirrorProcess"]):
    def live(self) -> Self:
        """Processes that were heard of within a minute, with `heard`, milliseconds ago."""
        return self.heard().filter(heard__lt=GONE * 1000).order_by("host", "pid", "id")

    def heard(self) -> Self:
        """Add how many milliseconds ago each was heard of, by the database's clock."""
        return self.annotate(heard=DatabaseMilliseconds() - F("reported"))

    def silent(self, seconds: int) -> Self:
        """Processes that were not heard of for so long."""
        return self.filter(reported__lt=DatabaseMilliseconds() - seconds * 1000)


class MirrorProcess(models.Model):
    """One process, from the start of its mirror; gone when it ends."""

    #: Made when the mirror starts: a forked child is another process.
    id = models.UUIDField(primary_key=True, editable=False)
    host = models.CharField(max_length=64)
    pid = models.BigIntegerField()
    #: What was started: gunicorn, celery, a command of manage.py.
    kind = models.CharField(max_length=32, blank=True)
    release = models.CharField(max_length=32, blank=True)
    #: Digest of the rules in force.
    rules = models.CharField(max_length=16, blank=True)
    notifier = models.CharField(max_length=16, blank=True)
    started_at = models.DateTimeField()
    #: Number of the newest order that it has applied.
    number = models.BigIntegerField(default=0)
    #: Milliseconds: the age of its mirror when it reported.
    age = models.BigIntegerField(default=0)
    #: Unix milliseconds by the database's clock: one for all.
    reported = models.BigIntegerField()

    #: Milliseconds since it reported, where the query was asked for it.
    heard: int

    objects = MirrorProcessQuerySet.as_manager()

    class Meta:
        verbose_name = _("process")
        verbose_name_plural = _("processes")

    def __str__(self) -> str:
        kind = f" ({self.kind})" if self.kind else ""
        return f"{self.host}:{self.pid}{kind}"

    def is_current(self, bound: float) -> bool:
        """Whether it reports as it should, and its mirror was fresh when it did; needs `heard`.

        Args:
            bound: Seconds, `STALENESS_BOUND`.
        """
        return self.heard <= 2 * PACE * 1000 and self.age <= bound * 1000

    def has_applied(self, number: int, *, since: int) -> bool:
        """Whether it has said so after a moment (unix milliseconds, the database's)."""
        return self.reported >= since and self.number >= number


#: What a report changes.
_MOVES = ("number", "age", "rules", "notifier")


def report(connection: BaseDatabaseWrapper, process: MirrorProcess) -> None:
    """Insert a process's row or bring it up to date, through any connection. One query."""
    quote, meta = connection.ops.quote_name, MirrorProcess._meta
    fields = [field for field in meta.concrete_fields if field.name != "reported"]
    values = [field.get_db_prep_save(getattr(process, field.attname), connection) for field in fields]
    columns = ", ".join(quote(str(field.column)) for field in fields)
    table, key, reported = quote(meta.db_table), quote("id"), quote("reported")
    taken = "VALUES({})" if connection.vendor == "mysql" else "excluded.{}"
    moved = ", ".join(f"{quote(name)} = {taken.format(quote(name))}" for name in (*_MOVES, "reported"))
    found = f"ON CONFLICT ({key}) DO UPDATE SET"
    if connection.vendor == "mysql":
        found = "ON DUPLICATE KEY UPDATE"
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({columns}, {reported}) "  # noqa: S608 - only quoted names
            f"VALUES ({', '.join(['%s'] * len(values))}, {milliseconds(connection)}) {found} {moved}",
            values,
        )


def take_leave(connection: BaseDatabaseWrapper, process: MirrorProcess) -> None:
    """Delete a process's row, through any connection. One query."""
    table, field = connection.ops.quote_name(MirrorProcess._meta.db_table), MirrorProcess._meta.pk
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {table} WHERE id = %s",  # noqa: S608 - only quoted names
            [field.get_db_prep_save(process.pk, connection)],
        )
