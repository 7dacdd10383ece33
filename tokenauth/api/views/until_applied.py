"""?wait=SECONDS of a revocation: a client with a secret may wait until every process has applied it."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.http import HttpRequest

from tokenauth.api.parameters import BadRequest
from tokenauth.errors import Cause
from tokenauth.flows import applied
from tokenauth.flows.outcomes import Revoked
from tokenauth.policy.clients import KnownClient

#: At most 5 seconds.
_WAIT = re.compile(r"(?:[0-4](?:\.[0-9]{1,3})?|5)\Z")
#: Requests of one process that wait at once: each keeps a thread from others.
_PLACES = threading.BoundedSemaphore(1)


@contextmanager
def granted(request: HttpRequest, client: KnownClient) -> Iterator[float]:
    """Yield the seconds that the request may wait: 0 where it did not ask, may not, or another waits.

    Raises:
        BadRequest: `wait` came twice, or is no number from 0 to 5.
    """
    wait = _asked(request)
    # strangers are told nothing of the site's processes, and keep none of them busy
    if (
        not wait
        or not client.is_confidential
        or not applied.can_wait()
        or not _PLACES.acquire(blocking=False)
    ):
        yield 0
        return
    try:
        yield wait
    finally:
        _PLACES.release()


def told(outcome: object) -> dict[str, Any]:
    """Return the body: how many have applied it, where that was waited for; never which."""
    if not isinstance(outcome, Revoked) or outcome.applied is None:
        return {}
    done = outcome.applied
    return {"applied": {"by": done.by, "of": done.of, "seconds": done.seconds}}


def _asked(request: HttpRequest) -> float:
    values = request.GET.getlist("wait")
    if len(values) > 1:
        raise BadRequest(Cause.REPEATED_PARAMETER)
    if not values or not values[0]:
        return 0
    # float() also knows "nan", "1e9" and digits of other scripts
    if not _WAIT.match(values[0]):
        raise BadRequest
    return float(values[0])
