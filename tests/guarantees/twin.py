"""The same request a second time, answered between the two statements of the first."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections

from tests.guarantees.statements import watched


@contextmanager
def overtaken_before_the_write(twin: Callable[[], Any]) -> Iterator[None]:
    """Let a twin be answered whole, on another connection, once a refresh has read its family."""
    executed, overtaken = 0, False

    def around(sql: str, proceed: Callable[[], Any]) -> Any:
        nonlocal executed, overtaken
        executed += sql.startswith("EXECUTE")
        writes = sql.startswith("BEGIN") or executed == 2
        if writes and not overtaken:
            overtaken = True
            _on_another_connection(twin)
        return proceed()

    with watched(around):
        yield


def _on_another_connection(flow: Callable[[], Any]) -> None:
    own = connections["default"]
    other = connections["default"] = connections.create_connection("default")
    try:
        flow()
    finally:
        other.close()
        connections["default"] = own
