"""Two tenants, told apart by the host that a request names; each one's tables lie in its own database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseNotFound

ALIASES = {"north": "default", "south": "south"}
_CURRENT: ContextVar[str] = ContextVar("tenant", default="north")


def current() -> str:
    return _CURRENT.get()


@contextmanager
def tenant(name: str) -> Iterator[None]:
    """Be in a tenant, as its requests are."""
    before = _CURRENT.set(name)
    try:
        yield
    finally:
        _CURRENT.reset(before)


def by_host(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: `south.example.test` is the tenant south."""

    def respond(request: HttpRequest) -> HttpResponse:
        name = request.get_host().partition(".")[0]
        if name not in ALIASES:
            return HttpResponseNotFound()
        with tenant(name):
            return get_response(request)

    return respond


class ByTenant:
    """Everything lies where the current tenant's tables are."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return ALIASES[current()]

    db_for_write = db_for_read
