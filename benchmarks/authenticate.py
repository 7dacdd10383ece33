"""What it costs to tell who asks."""

from benchmarks.bench import Bench
from benchmarks.budgets import BARE_CHECK, DOT, OPEN, STATELESS
from benchmarks.results import OURS

CASE = "authenticate"
ALGORITHMS = ("ES256", "EdDSA", "RS256")
TOKENS = 20_000
_WITH_USER = "simplejwt with its user"


def measure(bench: Bench) -> None:
    """Warm and cold by algorithm, many tokens beside many orders, and a whole view."""
    for alg in ALGORITHMS:
        _by_algorithm(bench, alg)
    _in_a_view(bench)
    _among_many(bench)


def _by_algorithm(bench: Bench, alg: str) -> None:
    ours, theirs = bench.worker("ours", ALG=alg), bench.worker("simplejwt", ALG=alg)
    warm, stateless = ours.deed("warm"), theirs.deed("stateless")
    hash_alone = ours.deed("bare_hash")
    subjects = {OURS: warm, STATELESS: stateless, "bare hash and look-up": hash_alone}
    if alg == "ES256":
        subjects["simplejwt stateless, HS256"] = bench.worker("simplejwt", ALG="HS256").deed("stateless")
    bench.compare_computing(CASE, f"warm, {alg}", subjects)
    bare, pyjwt = ours.deed("bare_check"), ours.deed("by_pyjwt")
    verified = ours.deed("verified")
    beside = {BARE_CHECK: bare, "PyJWT": pyjwt}
    bench.compare_computing(CASE, f"verify, {alg}", {OURS: verified, **beside})
    bench.compare_computing(CASE, f"cold, {alg}", {OURS: ours.deed("cold"), STATELESS: stateless, **beside})
    _beyond_the_check(bench, alg)
    if alg == "ES256":
        bench.record(CASE, "statements, warm", "", {OURS: [warm.statements()]})
        sizes = [float(ours.deed("entry_size").do())]
        bench.record(CASE, "a remembered token", "B", {OURS: sizes})


def _beyond_the_check(bench: Bench, alg: str) -> None:
    verified = bench.run.find(CASE, f"verify, {alg}")
    assert verified is not None  # noqa: S101 - measured just now
    samples = zip(verified.samples[OURS], verified.samples[BARE_CHECK], strict=True)
    bench.record(
        CASE, f"verify beyond the bare check, {alg}", "s", {OURS: [mine - bare for mine, bare in samples]}
    )


def _in_a_view(bench: Bench) -> None:
    ours, theirs = bench.worker("ours"), bench.worker("simplejwt")
    bench.compare(
        CASE,
        "protected view",
        {
            OURS: ours.deed("view", path="/protected/"),
            OPEN: ours.deed("view", path="/open/"),
            STATELESS: theirs.deed("view", path="/protected/"),
            _WITH_USER: bench.worker("simplejwt", WITH_USER="yes").deed("view", path="/protected/"),
            "knox": bench.worker("knox").deed("view", path="/protected/"),
            DOT: bench.worker("dot").deed("view", path="/protected/"),
        },
    )


def _among_many(bench: Bench) -> None:
    ours, theirs = bench.own_worker("ours"), bench.worker("simplejwt")
    orders = bench.pick(1_000_000, 100_000)
    # as long a sample as it takes to show each token at least once
    subjects = {
        OURS: ours.deed("among_many", tokens=TOKENS, orders=orders).calibrate(0.1),
        STATELESS: theirs.deed("among_many", tokens=2_000).calibrate(0.1),
    }
    subjects[OURS].times = max(TOKENS, subjects[OURS].times)
    bench.rounds(
        CASE,
        f"{TOKENS:,} tokens beside orders",
        "s",
        {who: deed.processor_seconds for who, deed in subjects.items()},
    )
    bench.record(CASE, "orders beside them", "", {OURS: [orders]})
