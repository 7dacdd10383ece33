"""When the housekeeping jobs last succeeded."""

from datetime import datetime

from django.utils import timezone

from tokenauth.doctor.findings import Finding, ok, warning
from tokenauth.flows import housekeeping
from tokenauth.flows.housekeeping import JOBS
from tokenauth.models import TaskRun
from tokenauth.tokens.keyring import database


def jobs() -> list[Finding]:
    """One finding for each."""
    at = timezone.now()
    late = housekeeping.neglected(at)
    last = dict(TaskRun.objects.using(database()).values_list("name", "last_ok_at"))
    return [_judged(name, last.get(name), at=at, is_late=name in late) for name in JOBS]


def _judged(name: str, last_ok_at: datetime | None, *, at: datetime, is_late: bool) -> Finding:
    done = "has never run" if last_ok_at is None else f"succeeded {_ago(at, last_ok_at)} ago"
    text = f"{name} {done}, is due every {JOBS[name].every} s"
    if is_late:
        return warning(text, mend="See docs/reference/checks.md#w014.")
    return ok(text)


def _ago(at: datetime, then: datetime) -> str:
    return f"{max(0, round((at - then).total_seconds()))} s"
