"""What resource servers say of themselves: which rules they have, what they refused."""

import logging
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.core.cache import caches
from django.utils import timezone

from tokenauth import conf
from tokenauth.errors import Cause
from tokenauth.observability import log

#: How often one process writes what a server said.
PERIOD = timedelta(seconds=10)
#: Seconds that it is kept.
_KEPT = 86_400
_LARGEST_COUNT = 10**9
_ABSENT: Mapping[Cause, int] = {}


@dataclass(slots=True)
class Report:
    """What one resource server last said to this process."""

    rules: str
    #: Whether those are the rules of now.
    in_step: bool
    at: datetime
    written_at: datetime | None = None
    #: Since it was last written.
    refused: Counter[str] = field(default_factory=Counter)


#: By client id.
REPORTS: dict[str, Report] = {}
_LOCK = threading.Lock()


def note_report(client_id: str, *, rules: str, in_step: bool, refused: Mapping[Cause, int] = _ABSENT) -> None:
    """Keep what a resource server says: a log line, and a cache entry for the status of the plane.

    At most one of each in `PERIOD` for a server and process, and one when its rules change. No query
    beyond the cache's own.

    Args:
        client_id: Of the authenticated server.
        rules: Hash of the rules that it has; empty before it has any.
        in_step: Whether those are the rules of now.
        refused: Tokens refused since it last said so.
    """
    now = timezone.now()
    with _LOCK:
        report = REPORTS.setdefault(client_id, Report(rules, in_step, now))
        report.refused.update({str(cause): min(count, _LARGEST_COUNT) for cause, count in refused.items()})
        has_changed = (report.rules, report.in_step) != (rules, in_step)
        report.rules, report.in_step, report.at = rules, in_step, now
        if not has_changed and report.written_at is not None and now - report.written_at < PERIOD:
            return
        report.written_at = now
        counts, report.refused = dict(report.refused), Counter()
    log.note(
        "resource_server",
        client=client_id,
        rules=rules or "none",
        in_step=str(in_step).lower(),
        refused=",".join(f"{cause}:{count}" for cause, count in sorted(counts.items())) or None,
    )
    entry = {"rules": rules, "in_step": in_step, "at": now.isoformat(), "refused": counts}
    try:
        caches[conf.current().LIMITS_CACHE].set(_key(client_id), entry, _KEPT)
    except Exception as failure:  # whatever a cache's back end raises: the answer does not hang on it
        log.note("report_not_kept", level=logging.WARNING, error=type(failure).__name__)


def last_reports(*client_ids: str) -> dict[str, dict[str, object]]:
    """Return what these resource servers last said to any process that shares the cache."""
    keys = {_key(client_id): client_id for client_id in client_ids}
    found = caches[conf.current().LIMITS_CACHE].get_many(keys)
    return {keys[key]: entry for key, entry in found.items()}


def _key(client_id: str) -> str:
    # a client id may hold what a cache key must not
    return f"tokenauth:resource-server:{client_id.encode('utf-8', 'surrogatepass').hex()}"
