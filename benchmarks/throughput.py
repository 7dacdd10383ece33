"""What a server bears: a view that does nothing, open and protected."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack

from benchmarks import load, pairing
from benchmarks.bench import Bench
from benchmarks.budgets import OPEN, STATELESS
from benchmarks.load import Load
from benchmarks.results import OURS
from benchmarks.servers import SERVERS, running

CASE = "throughput"
CONNECTIONS = 8
_WITH_USER = "simplejwt with its user"


def measure(bench: Bench) -> None:
    """Requests a second, and what the slowest in a hundred take, by kind of server."""
    bench.end_shared()
    sites = {
        OURS: ("ours", bench.environ("ours")),
        STATELESS: ("simplejwt", bench.environ("simplejwt")),
        _WITH_USER: ("simplejwt", bench.environ("simplejwt", WITH_USER="yes")),
    }
    headers = {who: str(bench.beside(*site).deed("header").do()) for who, site in sites.items()}
    for server in SERVERS:
        with ExitStack() as servers:
            at = {who: servers.enter_context(running(server, *site)) for who, site in sites.items()}
            _under_load(bench, server, at, headers)


def _under_load(bench: Bench, server: str, at: Mapping[str, str], headers: Mapping[str, str]) -> None:
    seconds = bench.pick(4, 1)
    taken: dict[str, list[Load]] = {}

    def subject(who: str, url: str, header: str) -> Callable[[], float]:
        def ask() -> float:
            found = load.applied(url, seconds=seconds, connections=CONNECTIONS, authorization=header)
            taken.setdefault(who, []).append(found)
            return found.rate

        ask()  # the first requests open connections and load what is loaded once
        taken.clear()
        return ask

    subjects = {who: subject(who, f"{base}/protected/", headers[who]) for who, base in at.items()}
    subjects[OPEN] = subject(OPEN, f"{at[OURS]}/open/", headers[OURS])
    taken.clear()
    rates = pairing.interleaved(subjects, bench.pick(7, 3))
    bench.record(CASE, server, "/s", rates)
    slowest = {who: [each.p99 for each in found] for who, found in taken.items()}
    bench.record(CASE, f"{server}, p99", "s", {who: slowest[who] for who in subjects})
