"""The smallest site with this app."""

import os

from benchmarks.sites.common import *  # noqa: F403
from benchmarks.sites.common import INSTALLED_APPS, caches, databases, rest

ROOT_URLCONF = "benchmarks.sites.ours.urls"
INSTALLED_APPS = [*INSTALLED_APPS, "tokenauth"]
DATABASES = databases()
CACHES = caches()
REST_FRAMEWORK = rest("tokenauth.api.authentication.TokenAuthentication")

#: Counted as on any site, never reached.
_NEVER = "1000000000/minute"
LIMITS: dict[str, str | None] = {
    "login_account": _NEVER,
    "login_network": _NEVER,
    "refresh_network": _NEVER,
    "refresh_family": _NEVER,
    "introspect": _NEVER,
}
if os.environ.get("LIMITS") == "off":
    # what the peers have
    LIMITS = dict.fromkeys([*LIMITS, "login_failures"])

TOKENAUTH = {
    "ISSUER": "https://bench.test",
    "ALG": os.environ.get("ALG", "ES256"),
    "REQUIRE_TLS": False,
    "LIMITS": LIMITS,
    "PREPARED": os.environ.get("PREPARED", "auto"),
    # whose access tokens are about to expire whenever they are refreshed, as a client's usually are
    "POLICIES": {"due": {"base": "browser", "access": 10}},
    "FAMILIES_PER_USER": 1_000_000,
    "EMBEDDED_TASKS": False,
    "HASHES_AT_ONCE": None,
}
