"""Settings of the tests: the smallest site that carries the app, on the database `tests.databases` chose."""

from typing import Any

from tests import databases

DEBUG = False
SECRET_KEY = "only-for-tests-and-of-no-use-anywhere-else"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "tests.urls"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
STATIC_URL = "static/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

DATABASES = {"default": databases.chosen()}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
# from Django 6.1 on a site names its mailers; before, nobody reads it
MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "rest_framework",
    "tokenauth",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
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

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["tokenauth.api.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
}

TOKENAUTH: dict[str, Any] = {
    "ISSUER": "https://issuer.test",
    # every check asks the test's own connection: nothing outlives a test's transaction
    "MIRROR": "each-check",
    # a flush deletes users, which a trigger would turn into orders: the tests of triggers install them
    "TRIGGERS": "off",
    # a test that is about a limit sets it
    "LIMITS": {
        "login_account": None,
        "login_network": None,
        "login_failures": None,
        "refresh_network": None,
        "refresh_family": None,
        "introspect": None,
        "feed": None,
    },
    "POLICIES": {"exact": {"base": "mobile", "grace": 0, "repeat": "exact"}},
}
