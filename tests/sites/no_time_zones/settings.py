"""A site without time zones, which is refused."""

from tests.settings import *  # noqa: F403 - the tests' site, but for what stands below

USE_TZ = False
TIME_ZONE = "Europe/Berlin"
