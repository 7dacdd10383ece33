"""The example site as tests start it: its own settings; secrets, issuer and hashers of the tests."""

import os
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from project.settings import *  # noqa: F403 - the example site, but for what stands below
from project.settings import CACHES, DATABASES, MIDDLEWARE, TOKENAUTH
from tests import databases
from tests import settings as tests

SECRET_KEY = tests.SECRET_KEY
PASSWORD_HASHERS = tests.PASSWORD_HASHERS
DATABASES = {"default": databases.as_the_stack_has_it(DATABASES["default"])}
MIDDLEWARE = ["tests.live_settings.says_which_process_answered", *MIDDLEWARE]
TOKENAUTH = {**TOKENAUTH, "ISSUER": tests.TOKENAUTH["ISSUER"], "MIRROR": "auto"}

if os.environ.get("NEWS_URL"):
    CACHES = {
        **CACHES,
        "news": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": os.environ["NEWS_URL"]},
    }
    TOKENAUTH["REDIS_ALIAS"] = "news"
if os.environ.get("STALENESS_BOUND"):
    TOKENAUTH["STALENESS_BOUND"] = float(os.environ["STALENESS_BOUND"])

#: Header of each answer: the id of the process that gave it.
PROCESS = "X-Process"


def says_which_process_answered(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response[PROCESS] = str(os.getpid())
        return response

    return middleware
