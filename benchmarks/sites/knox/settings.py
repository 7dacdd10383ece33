"""The smallest site with django-rest-knox."""

from benchmarks.sites.common import *  # noqa: F403
from benchmarks.sites.common import INSTALLED_APPS, caches, databases, rest

ROOT_URLCONF = "benchmarks.sites.knox.urls"
INSTALLED_APPS = [*INSTALLED_APPS, "knox"]
DATABASES = databases()
CACHES = caches()
REST_FRAMEWORK = rest("knox.auth.TokenAuthentication")
