"""What a run writes down and the checker reads: lines of JSON, appended by whoever saw it."""

import json
import time
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

Fact = TypeVar("Fact", "Token", "Decision", "Revocation", "Failover", "Injected")

#: Header of each decision: the worker, and when it began and had decided, by the true clock.
DECIDED = "X-Decided"

#: Taken before anything in a process could move the clock (`tests.faults.skew`).
_gettime = time.clock_gettime


def now() -> float:
    """Seconds since boot: one clock for every process of the machine, whatever their own clocks show."""
    return _gettime(time.CLOCK_BOOTTIME)


class Said(StrEnum):
    """What became of a request that showed a token."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    #: 503: `strict` does not answer without the database.
    STALE = "stale"
    #: A status that nobody promised.
    ERROR = "error"
    #: No answer came: the worker was stopped, killed or cut off.
    SILENCE = "silence"


@dataclass(frozen=True, slots=True)
class Token:
    """An access token as the client got it; `id` is the client's own count."""

    id: str
    jti: str
    kid: str
    family: str
    device: str
    user: str
    client: str
    #: Unix seconds.
    iat: int
    exp: int
    generation: int
    #: Epochs it was stamped with: site, client, device, user.
    epochs: tuple[int, ...]
    obtained: float


@dataclass(frozen=True, slots=True)
class Decision:
    """One answer to one token; `started` and `ended` were read in the worker, around its decision."""

    token: str
    said: Said
    worker: int
    started: float
    ended: float
    #: Unix seconds by the true clock when it started.
    wall: float
    #: A refresh of the token's family, not a call with the token.
    is_refresh: bool = False
    #: After everything was healed.
    is_last: bool = False


@dataclass(frozen=True, slots=True)
class Revocation:
    """One revocation: everything that matches and carries less than the floor is dead."""

    id: str
    kind: str
    key: str
    floor: int
    began: float
    #: Read right after COMMIT returned; None where nobody knows whether it did.
    committed: float | None
    order: int | None = None
    #: How it was written: plain, late, by a writer that was killed, ...
    way: str = "plain"


@dataclass(frozen=True, slots=True)
class Failover:
    """A replica took over that had not seen what was committed after `since`."""

    since: float
    at: float
    #: Ids of revocations that the new primary does not have.
    lost: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Injected:
    """A fault that was at work from `started` to `ended`."""

    kind: str
    started: float
    ended: float


@dataclass(slots=True)
class Log:
    """A file to which facts are appended, each at once and whole."""

    path: Path

    def write(self, fact: object) -> None:
        line = json.dumps(asdict(fact)) + "\n"  # type: ignore[call-overload]
        # one write of one line: threads and processes share the file, and a killed one leaves no half
        with self.path.open("ab", buffering=0) as file:
            file.write(line.encode())


def read(path: Path, kind: type[Fact], *, newest: int | None = None) -> list[Fact]:
    """Return the facts of a file, or of its newest so many bytes; a missing one is empty."""
    return [kind(**_typed(json.loads(line))) for line in _lines(path, newest)]


def _lines(path: Path, newest: int | None) -> list[bytes]:
    if not path.exists():
        return []
    with path.open("rb") as file:
        start = 0 if newest is None else max(0, path.stat().st_size - newest)
        file.seek(start)
        lines = file.read().splitlines(keepends=True)
    # the first may be half of one, and the last be still under the pen
    return [line for line in lines[1 if start else 0 :] if line.endswith(b"\n")]


def _typed(line: dict[str, Any]) -> dict[str, Any]:
    typed = {name: tuple(value) if isinstance(value, list) else value for name, value in line.items()}
    return {**typed, "said": Said(str(typed["said"]))} if "said" in typed else typed
