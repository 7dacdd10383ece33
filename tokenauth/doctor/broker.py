"""Celery's broker, where the site has one. No request ever waits for it; housekeeping does."""

from typing import Any

from django.conf import settings

from tokenauth.doctor.findings import Finding, error, ok

try:
    from celery import Celery, current_app
except ImportError:  # an extra: not every site has it
    Celery = current_app = None

#: Seconds for each step of a connection.
_PATIENCE = 2
_WITHOUT = "'manage.py tokenauth_run --all' from cron keeps house, or EMBEDDED_TASKS"


def answers() -> list[Finding]:
    """Connect once, and open a channel; nothing is declared or sent."""
    if Celery is None:
        return [ok(f"Celery is not installed: {_WITHOUT}")]
    if (app := _app()) is None:
        return [ok(f"Celery has no broker here: {_WITHOUT}")]
    try:
        kind = _connected(app)
    except Exception as failure:  # whose text may quote the address, and so the password
        cause = type(failure.__cause__ or failure).__name__
        mend = "Jobs wait until it is back: see CELERY_BROKER_URL and the broker's own log."
        return [error(f"it does not answer: {cause}", mend=mend)]
    return [ok(f"{kind} answers")]


def _connected(app: Any) -> str:
    with app.connection_for_write(
        connect_timeout=_PATIENCE,
        transport_options={"socket_timeout": _PATIENCE, "socket_connect_timeout": _PATIENCE},
    ) as connection:
        connection.ensure_connection(max_retries=0)
        connection.channel().close()
        return str(connection.transport.driver_type)


def _app() -> Any:
    """The site's Celery application if it was loaded; else what its settings say by convention."""
    if current_app.conf.broker_url:
        return current_app
    if not getattr(settings, "CELERY_BROKER_URL", None):
        return None
    app = Celery("tokenauth.doctor", set_as_current=False)
    app.config_from_object("django.conf:settings", namespace="CELERY")
    return app
