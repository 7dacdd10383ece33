"""W014: jobs that nobody runs."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Tags, register
from django.db import DatabaseError
from django.utils import timezone

from tokenauth.checks.asked import of_our_tables
from tokenauth.checks.findings import warning
from tokenauth.flows import housekeeping


@register(Tags.database, deploy=True)
def jobs_are_run(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """W014: what is past is not deleted, and keys are not changed in time."""
    if not of_our_tables(databases):
        return []
    try:
        late = housekeeping.neglected(timezone.now())
    except DatabaseError:  # not migrated yet
        return []
    if not late:
        return []
    text = f"Housekeeping has not succeeded for two of its periods: {', '.join(late)}."
    mend = (
        "Let Celery's beat run tokenauth.tasks.beat_schedule(), or cron 'manage.py tokenauth_run --all' once "
        "a minute; EMBEDDED_TASKS needs processes that serve requests, with threads. Run it by hand to see "
        "why a job fails."
    )
    return [warning("W014", text, mend=mend)]
