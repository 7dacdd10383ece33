"""Users with a UUID for their key, who log in by their e-mail address and have no other name."""

from tests.settings import *  # noqa: F403 - the tests' site, but for what stands below
from tests.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.sites.uuid_user"]
AUTH_USER_MODEL = "uuid_user.Person"
