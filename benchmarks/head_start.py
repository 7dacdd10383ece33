"""
A cold mirror's first load of 1,000,000 orders: from the snapshot in Redis beside the database alone.

    DATABASE_URL=postgres://... REDIS_URL=redis://127.0.0.1:6379/8 python -m benchmarks.head_start [ORDERS]

The database must be empty and is left with the orders; of Redis only tokenauth's keys are touched.
"""

import os
import resource
import sys
import time
import uuid
from collections.abc import Callable
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

import django
from django.test.utils import override_settings


def main() -> None:
    django.setup()
    from django.conf import settings  # noqa: PLC0415 - the apps have to be ready
    from django.core.management import call_command  # noqa: PLC0415

    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    call_command("migrate", verbosity=0)
    named = {**settings.TOKENAUTH, "REDIS_ALIAS": "default", "MIRROR": "request", "START_TIMEOUT": 60}
    with override_settings(TOKENAUTH=named):
        _fill(count)
        print(f"{count} orders")
        print(f"propagate_orders: {_timed(_propagate)}, at most {_peak()} MiB in memory")
        for _ in range(3):
            print(f"from the snapshot: {_timed(_load)}")
    with override_settings(TOKENAUTH={**named, "REDIS_ALIAS": None}):
        for _ in range(3):
            print(f"from the database: {_timed(_load)}")


def _fill(count: int) -> None:
    from django.db import connection  # noqa: PLC0415

    from tokenauth.models import Plane  # noqa: PLC0415

    Plane.objects.ensure()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO tokenauth_revocationorder (number, kind, key, floor, until, at, cause, actor) "
            "SELECT n, 6, gen_random_uuid()::text, 0, now() + interval '1 hour', now(), '', '' "
            "FROM generate_series(1, %s) n WHERE NOT EXISTS (SELECT 1 FROM tokenauth_revocationorder)",
            [count],
        )
    Plane.objects.update(n=count, plane_id=uuid.uuid4())


def _propagate() -> None:
    from tokenauth.flows import housekeeping  # noqa: PLC0415

    housekeeping.run("propagate_orders", force=True)


def _load() -> None:
    from tokenauth.revocation.process import ProcessMirror  # noqa: PLC0415

    mirror = ProcessMirror()
    refused = mirror.stale()
    held: Any = mirror.health()
    assert refused is None, refused  # noqa: S101
    assert held.orders > 0  # noqa: S101
    mirror.forget()


def _timed(deed: Callable[[], None]) -> str:
    began, used = time.perf_counter(), time.process_time()
    deed()
    return f"{time.perf_counter() - began:.2f} s, {time.process_time() - used:.2f} of them on a processor"


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main()
