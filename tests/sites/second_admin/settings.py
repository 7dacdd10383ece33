"""Two admins: Django's own, and one for operators at another address."""

from tests.settings import *  # noqa: F403 - the tests' site, but for what stands below

ROOT_URLCONF = "tests.sites.second_admin.urls"
