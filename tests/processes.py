"""Rows of processes that say how far they are."""

import uuid
from typing import Any

from django.db import connection
from django.utils import timezone

from tokenauth.models import process
from tokenauth.models.process import MirrorProcess


def a_process(**facts: Any) -> MirrorProcess:
    """One that has just reported."""
    usual = {"id": uuid.uuid4(), "host": "web1", "pid": 7, "kind": "gunicorn", "started_at": timezone.now()}
    row = MirrorProcess(**{**usual, **facts})
    process.report(connection, row)
    return row
