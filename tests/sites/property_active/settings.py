"""Users of whom a property says whether they are active: there is no such column."""

from tests.settings import *  # noqa: F403 - the tests' site, but for what stands below
from tests.settings import INSTALLED_APPS, TOKENAUTH

INSTALLED_APPS = [*INSTALLED_APPS, "tests.sites.property_active"]
AUTH_USER_MODEL = "property_active.Member"
# what the property is made of
TOKENAUTH = {**TOKENAUTH, "TRIGGER_COLUMNS": ("left_on",)}
