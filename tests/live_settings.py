"""The example site as tests start it: its own settings; secrets, issuer and hashers of the tests."""

import os
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from project.settings import *  # noqa: F403 - the example site, but for what stands below
from project.settings import DATABASES, MIDDLEWARE, TOKENAUTH
from tests import databases
from tests import settings as tests

SECRET_KEY = tests.SECRET_KEY
PASSWORD_HASHERS = tests.PASSWORD_HASHERS
DATABASES = {"default": databases.as_the_stack_has_it(DATABASES["default"])}
MIDDLEWARE = ["tests.live_settings.says_which_process_answered", *MIDDLEWARE]
TOKENAUTH = {**TOKENAUTH, "ISSUER": tests.TOKENAUTH["ISSUER"], "MIRROR": "auto"}

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
