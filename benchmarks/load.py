"""
Requests one after another over some connections: wrk where it is installed, else this module as a process.

    python -m benchmarks.load URL SECONDS CONNECTIONS AUTHORIZATION
"""

import http.client
import re
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from statistics import quantiles
from urllib.parse import urlsplit

_RATE = re.compile(r"Requests/sec:\s+([\d.]+)")
_LAST = re.compile(r"99%\s+([\d.]+)(us|ms|s)\b")
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}
_ERRORS = re.compile(r"(Non-2xx[^\n]*|Socket errors[^\n]*)")


class RefusedError(Exception):
    """The site did not answer all requests as it should."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a site bore."""

    rate: float
    #: Seconds that all but one in a hundred took at most.
    p99: float


def applied(url: str, *, seconds: int, connections: int, authorization: str) -> Load:
    """Ask a site as fast as it answers.

    Raises:
        RefusedError: It answered an error.
    """
    if shutil.which("wrk"):
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
        command += ["-H", f"Authorization: {authorization}", url]
    else:
        command = [
            sys.executable,
            "-m",
            "benchmarks.load",
            url,
            str(seconds),
            str(connections),
            authorization,
        ]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603
    return read(said)


def read(said: str) -> Load:
    """Return what wrk's report says.

    Raises:
        RefusedError: It says that requests failed, or says nothing.
    """
    if (errors := _ERRORS.search(said)) is not None and "Non-2xx" in errors[0]:
        raise RefusedError(errors[0])
    rate, last = _RATE.search(said), _LAST.search(said)
    if rate is None or last is None:
        raise RefusedError(said)
    return Load(float(rate[1]), float(last[1]) * _UNITS[last[2]])


def _ask(url: str, until: float, headers: dict[str, str], taken: list[float], failed: list[int]) -> None:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc)
    while time.perf_counter() < until:
        began = time.perf_counter()
        connection.request("GET", parts.path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        taken.append(time.perf_counter() - began)
        if answer.status != 200:
            failed.append(answer.status)


def main(url: str, seconds: float, connections: int, authorization: str) -> None:
    """Load a site from threads and report as wrk does."""
    taken: list[float] = []
    failed: list[int] = []
    until = time.perf_counter() + seconds
    arguments = (url, until, {"Authorization": authorization}, taken, failed)
    threads = [threading.Thread(target=_ask, args=arguments) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        print(f"Non-2xx or 3xx responses: {len(failed)}")
    print(f"99% {quantiles(taken, n=100)[-1] * 1000:.3f}ms")
    print(f"Requests/sec: {len(taken) / seconds:.2f}")


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
