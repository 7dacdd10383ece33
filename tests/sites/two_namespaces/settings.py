"""One process, two tenants with tables of their own: nothing of one is worth anything in the other."""

from typing import Any

from tests import databases
from tests.settings import *  # noqa: F403 - the tests' site, but for what stands below
from tests.settings import MIDDLEWARE, TOKENAUTH

DATABASES: dict[str, dict[str, Any]] = {alias: databases.chosen(alias) for alias in ("default", "south")}
DATABASE_ROUTERS = ["tests.sites.two_namespaces.tenants.ByTenant"]
MIDDLEWARE = ["tests.sites.two_namespaces.tenants.by_host", *MIDDLEWARE]
TOKENAUTH = {
    **TOKENAUTH,
    "ISSUER": "https://{namespace}.example.test",
    "NAMESPACE": "tests.sites.two_namespaces.tenants.current",
    "MIRROR": "request",
}
