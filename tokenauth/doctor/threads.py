"""Can a thread be started: the mirror's is an optimisation; EMBEDDED_TASKS needs one beside it."""

import threading

from tokenauth import conf
from tokenauth.doctor.findings import Finding, ok, warning

#: Seconds in which one that was started has run.
_PATIENCE = 1.0


def start() -> list[Finding]:
    """Start one. What holds for this command need not hold for the server."""
    if conf.current().MIRROR != "auto":
        return [ok(f"none is used, nor for EMBEDDED_TASKS: MIRROR is {conf.current().MIRROR!r}")]
    if _one_runs():
        return [ok("start here: one in each process keeps its mirror fresh")]
    mend = (
        "Let the server allow threads (uWSGI: enable-threads), or set MIRROR to 'request' and let Celery or "
        "cron keep house."
    )
    return [warning("none can be started here: requests poll, and EMBEDDED_TASKS does nothing", mend=mend)]


def _one_runs() -> bool:
    ran = threading.Event()
    try:
        threading.Thread(target=ran.set, name="tokenauth-doctor-probe", daemon=True).start()
    except RuntimeError:
        return False
    return ran.wait(_PATIENCE)
