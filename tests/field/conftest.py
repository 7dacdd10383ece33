"""The world of the field cases: the one of the endpoint tests."""

from tests.api.conftest import ada, http, web

__all__ = ["ada", "http", "web"]
