"""How far this machine's clock is from another's. Clocks decide how long, never in which order."""

import time

from django.db import connections

from tokenauth import conf
from tokenauth.doctor.findings import Finding, error, ok, warning
from tokenauth.tokens.keyring import database

#: Seconds that nobody has to be told about.
QUIET = 1.0
_NOW = {
    "postgresql": "SELECT EXTRACT(EPOCH FROM clock_timestamp())",
    "mysql": "SELECT UNIX_TIMESTAMP(SYSDATE(6))",
    "sqlite": "SELECT (julianday('now') - 2440587.5) * 86400.0",
}


def of_database() -> list[Finding]:
    """The database's clock beside ours."""
    connection = connections[database()]
    if (question := _NOW.get(connection.vendor)) is None:
        return [ok(f"no way is known to ask {connection.display_name} for its time")]
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")  # it connects before the time is taken
        cursor.fetchone()
        before = time.time()
        cursor.execute(question)
        theirs = float(cursor.fetchone()[0])
    return [beside_ours("the database's", theirs, before=before, after=time.time())]


def beside_ours(whose: str, theirs: float, *, before: float, after: float) -> Finding:
    """Judge a clock.

    Args:
        whose: For the text, as "the database's".
        theirs: Unix seconds, as they said.
        before, after: Unix seconds here when they were asked and when they had answered.
    """
    skew = theirs - (before + after) / 2
    # whatever lies inside the time of the answer may be the network's
    certain = max(0.0, abs(skew) - (after - before) / 2)
    text = f"{whose} clock is {abs(skew):.3f} s {'ahead of' if skew > 0 else 'behind'} this machine's"
    mend = "Let both machines keep their time by NTP."
    if certain > conf.current().LEEWAY:
        return error(f"{text}, more than LEEWAY forgives: good tokens are refused", mend=mend)
    return warning(text, mend=mend) if certain > QUIET else ok(text)
