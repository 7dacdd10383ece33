"""A site whose DRF defaults are all different, or the usual ones: `python -m tests.api.hostile_site KIND`.

DRF reads most of its defaults when it is imported, so a site is a process of its own.
"""

import runpy
import sys
from typing import Any

import django
from django.conf import settings

from tests import settings as usual

HOSTILE = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.SessionAuthentication",
        "rest_framework.authentication.BasicAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAdminUser"],
    "DEFAULT_RENDERER_CLASSES": [
        "rest_framework.renderers.BrowsableAPIRenderer",
        "rest_framework.renderers.JSONRenderer",
    ],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.MultiPartParser"],
    "DEFAULT_THROTTLE_CLASSES": ["rest_framework.throttling.AnonRateThrottle"],
    "DEFAULT_THROTTLE_RATES": {"anon": "1/day"},
    "DEFAULT_VERSIONING_CLASS": "rest_framework.versioning.AcceptHeaderVersioning",
    "ALLOWED_VERSIONS": ["9"],
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.LimitOffsetPagination",
    "PAGE_SIZE": 1,
    "DEFAULT_METADATA_CLASS": None,
    "EXCEPTION_HANDLER": "tests.api.hostile_site.handler",
    "UNAUTHENTICATED_USER": None,
    "COMPACT_JSON": False,
    "UNICODE_JSON": False,
    "STRICT_JSON": False,
    "NON_FIELD_ERRORS_KEY": "x",
    "URL_FORMAT_OVERRIDE": "format",
}


def handler(exc: Exception, context: Any) -> None:
    raise AssertionError("the site's exception handler was asked")


if __name__ == "__main__":
    names = {name: getattr(usual, name) for name in dir(usual) if name.isupper()}
    if sys.argv[1:] == ["hostile"]:
        names["REST_FRAMEWORK"] = HOSTILE
        names["LANGUAGE_CODE"] = "ja"
    names["ROOT_URLCONF"] = "tests.api.hostile_urls"
    names["DATABASES"] = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
    settings.configure(**names)
    django.setup()
    runpy.run_module("tests.api.hostile_answers")
