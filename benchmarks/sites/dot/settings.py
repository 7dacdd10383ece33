"""The smallest site with django-oauth-toolkit, at its defaults: refresh tokens rotate."""

from benchmarks.sites.common import *  # noqa: F403
from benchmarks.sites.common import INSTALLED_APPS, caches, databases, rest

ROOT_URLCONF = "benchmarks.sites.dot.urls"
INSTALLED_APPS = [*INSTALLED_APPS, "oauth2_provider"]
DATABASES = databases()
CACHES = caches()
REST_FRAMEWORK = rest("oauth2_provider.contrib.rest_framework.OAuth2Authentication")
OAUTH2_PROVIDER = {
    "SCOPES": {"read": "Read", "introspection": "Introspect"},
    "REFRESH_TOKEN_EXPIRE_SECONDS": 14 * 86_400,
}
