"""A flow in a thread of its own, held at one point until the test lets it go on."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

from django.db import connections

from tests.guarantees.statements import watched

#: Seconds after which a test gives a thread up; nobody waits so long unless something is wrong.
PATIENCE = 20


class Gate:
    """A point that a flow reaches and stands at until it is opened."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self._opened = threading.Event()

    def stand(self) -> None:
        """Called by the flow."""
        self.reached.set()
        assert self._opened.wait(PATIENCE), "nobody opened the gate"

    def open(self) -> None:
        """Called by the test."""
        self._opened.set()


class Held:
    """Runs a flow up to its gate; `let_go` runs it to its end and returns what it answered.

    with Held(flow, gate) as held:
        if held.stands:
            revoke(...)
        outcome = held.let_go()
    """

    def __init__(self, flow: Callable[[], Any], gate: Gate) -> None:
        self._flow = flow
        self._gate = gate
        self._ended = threading.Event()
        self._answer: Any = None
        self._raised: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Held":
        self._thread.start()
        while not (self._ended.is_set() or self._gate.reached.wait(0.001)):
            assert self._thread.is_alive() or self._ended.is_set()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._gate.open()
        self._thread.join(PATIENCE)

    @property
    def stands(self) -> bool:
        """Whether the flow reached its gate; False: it ended without."""
        return self._gate.reached.is_set()

    def let_go(self) -> Any:
        """Return what the flow answered, or raise what it raised."""
        self._gate.open()
        assert self._ended.wait(PATIENCE), "the flow did not end"
        if self._raised is not None:
            raise self._raised
        return self._answer

    def _run(self) -> None:
        try:
            self._answer = self._flow()
        except BaseException as failure:
            self._raised = failure
        finally:
            connections.close_all()
            self._ended.set()


class Step(Gate):
    """The gate before the k-th step of a flow in the database.

    Not counted is what another process could not tell from the step before: the PREPARE of a statement,
    and the numbering after the commit but for its first statement.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number
        #: The SQL that it stands before.
        self.sql = ""
        #: Whether nobody could have come between: SQLite has one writer at a time, and from its
        #: BEGIN IMMEDIATE to its COMMIT that is the flow.
        self.is_impossible = False
        self._passed = 0
        self._has_committed = False

    def before(self, flow: Callable[[], Any], *, isolation: Any = None) -> Callable[[], Any]:
        """Return the flow with this gate in it, at an isolation level of PostgreSQL's."""

        def gated() -> Any:
            if isolation is not None:
                _isolate(isolation)
            with watched(self._around):
                return flow()

        return gated

    def _around(self, sql: str, proceed: Callable[[], Any]) -> Any:
        if not self._has_committed and not sql.startswith("PREPARE"):
            self._passed += 1
            self._has_committed = sql.startswith("SELECT n, longest_access")
            if self._passed == self.number:
                self._stand_before(sql)
        return proceed()

    def _stand_before(self, sql: str) -> None:
        self.sql = sql
        connection = connections["default"]
        if connection.vendor == "sqlite" and connection.connection.in_transaction:
            self.is_impossible = True
        else:
            self.stand()


def _isolate(level: Any) -> None:
    connection = connections["default"]
    options = {**(connection.settings_dict.get("OPTIONS") or {}), "isolation_level": level}
    connection.settings_dict = {**connection.settings_dict, "OPTIONS": options}
