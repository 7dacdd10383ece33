"""A site in German, for users who ask for any language."""

from tests.settings import *  # noqa: F403 - the tests' site, but for what stands below
from tests.settings import MIDDLEWARE

LANGUAGE_CODE = "de"
USE_I18N = True
MIDDLEWARE = [*MIDDLEWARE, "django.middleware.locale.LocaleMiddleware"]
