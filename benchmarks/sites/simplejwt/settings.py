"""The smallest site with djangorestframework-simplejwt that rotates and blacklists."""

import os
from datetime import timedelta

from benchmarks.sites.common import *  # noqa: F403
from benchmarks.sites.common import INSTALLED_APPS, caches, databases, rest
from benchmarks.sites.simplejwt.keys import pair

ROOT_URLCONF = "benchmarks.sites.simplejwt.urls"
INSTALLED_APPS = [
    *INSTALLED_APPS,
    "rest_framework_simplejwt",
    "rest_framework_simplejwt.token_blacklist",
]
DATABASES = databases()
CACHES = caches()
_CLASSES = "rest_framework_simplejwt.authentication"
STATELESS = f"{_CLASSES}.JWTStatelessUserAuthentication"
REST_FRAMEWORK = rest(f"{_CLASSES}.JWTAuthentication" if os.environ.get("WITH_USER") == "yes" else STATELESS)
_SIGNING, _VERIFYING = pair(os.environ.get("ALG", "ES256"))
SIMPLE_JWT = {
    "ALGORITHM": os.environ.get("ALG", "ES256"),
    "SIGNING_KEY": _SIGNING,
    "VERIFYING_KEY": _VERIFYING,
    "ACCESS_TOKEN_LIFETIME": timedelta(hours=1),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=14),
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
}
