"""
Settings of the example site.

Alone it runs on SQLite and in one process's memory; DATABASE_URL, REDIS_URL and CELERY_BROKER_URL
put the same site on PostgreSQL, Redis and Celery. Everything it makes lies under var/.
"""

import os
from pathlib import Path
from typing import Any

from project import environment

BASE_DIR = Path(__file__).resolve().parent.parent
VAR = environment.var(BASE_DIR)

BASE_URL = environment.base_url()
#: Of the second service, which validates tokens by itself: project/orders_service.py
ORDERS_URL = environment.orders_url()

DEBUG = False
SECRET_KEY = environment.secret_key(VAR / "secret-key")
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]"]
ROOT_URLCONF = "project.urls"
WSGI_APPLICATION = "project.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
STATIC_URL = "static/"
# loopback over plain HTTP; a site on the network has TLS and takes these from check --deploy
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = False

DATABASES = {"default": environment.database(VAR / "site.sqlite3")}
CACHES = {"default": environment.cache()}
CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL") or None

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "tokenauth",
    "project.demo",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
WHITENOISE_USE_FINDERS = True
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["tokenauth.api.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "tokenauth",
    "DESCRIPTION": "Tokens, sessions and devices. Errors are flat objects (RFC 6749 5.2); every path answers "
    "alike with and without its trailing slash.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "TAGS": [
        {"name": "Tokens", "description": "What an app of this site calls"},
        {"name": "Account", "description": "What a user does with sessions and devices"},
        {"name": "OAuth", "description": "The same for OAuth client libraries and resource servers"},
        {"name": "Site", "description": "What anyone may read"},
        {"name": "Example", "description": "What tokens open here"},
    ],
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "defaultModelsExpandDepth": 0},
    # no CDN: what the page needs is served from here
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

GRACE = environment.seconds("GRACE_SECONDS", 2)

TOKENAUTH: dict[str, Any] = {
    "ISSUER": BASE_URL,
    "REQUIRE_TLS": False,
    "POLICIES": {
        "browser": environment.window(GRACE),
        "mobile": environment.window(GRACE),
        "service": environment.window(GRACE),
        "exact": {"base": "mobile", "grace": 0, "repeat": "exact"},
    },
    **environment.limits(),
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    # a refused request is this site's daily bread
    "loggers": {"django.request": {"level": "ERROR"}},
}
