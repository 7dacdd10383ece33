"""Settings that all sites share: what a site of an API has, and nothing that favours one of them."""

import os
from typing import Any
from urllib.parse import unquote, urlsplit

SECRET_KEY = "only-for-measuring-and-of-no-use-anywhere-else"  # noqa: S105
DEBUG = False
ALLOWED_HOSTS = ["*"]
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# hashing passwords is measured by nobody: it would hide everything else
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
]
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "rest_framework"]
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "ERROR"},
}


def databases() -> dict[str, dict[str, Any]]:
    """The server that DATABASE_URL names, connections that stay open as on any site under load."""
    server = urlsplit(os.environ["DATABASE_URL"])
    return {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": server.path.lstrip("/"),
            "USER": unquote(server.username or ""),
            "PASSWORD": unquote(server.password or ""),
            "HOST": server.hostname or "",
            "PORT": server.port or "",
            # under ASGI each request has a thread of its own, and a connection that stayed open would be lost
            "CONN_MAX_AGE": 0 if "ASGI" in os.environ else None,
        }
    }


def caches() -> dict[str, dict[str, Any]]:
    """The Redis that REDIS_URL names, under a prefix of this run's own."""
    return {
        "default": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": os.environ["REDIS_URL"],
            "KEY_PREFIX": os.environ["CACHE_PREFIX"],
        }
    }


def rest(authentication: str) -> dict[str, Any]:
    """DRF's settings with one authentication class."""
    return {
        "DEFAULT_AUTHENTICATION_CLASSES": [authentication],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "DEFAULT_PARSER_CLASSES": [
            "rest_framework.parsers.JSONParser",
            "rest_framework.parsers.FormParser",
        ],
    }
