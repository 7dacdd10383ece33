"""Fixtures of tests about this process's mirror: who polls, what time it is, whether the database answers."""

import pytest
from django.db import OperationalError

from tokenauth.revocation import clock as boot
from tokenauth.revocation import source
from tokenauth.revocation.process import MIRROR


@pytest.fixture
def polling(settings):
    """Requests poll for themselves, as where threads never run."""
    settings.TOKENAUTH = {**settings.TOKENAUTH, "MIRROR": "request"}
    MIRROR.forget()
    return settings


@pytest.fixture
def boot_clock(monkeypatch):
    """The clock that ages a mirror, standing until it is moved by hand."""
    stands_at = {"seconds": boot.now()}
    monkeypatch.setattr(boot, "now", lambda: stands_at["seconds"])

    def shift(seconds: float) -> None:
        stands_at["seconds"] += seconds

    return shift


@pytest.fixture
def silent_database(monkeypatch):
    """A database that the mirror cannot reach."""

    def silence() -> None:
        def fail(*args, **kwargs):
            raise OperationalError("no route to host")

        monkeypatch.setattr(source, "ask", fail)

    return silence
