"""Users lie in a database of their own, where a router leads; tokens lie in the default one."""

from tests import databases
from tests.settings import *  # noqa: F403 - the tests' site, but for what stands below
from tests.settings import DATABASES, TOKENAUTH

DATABASES = {**DATABASES, "people": databases.chosen("people")}
DATABASE_ROUTERS = ["tests.sites.users_elsewhere.routing.UsersElsewhere"]
# a trigger reaches no other database: the signals do its work, and W007 says so
TOKENAUTH = {**TOKENAUTH, "TRIGGERS": "auto"}
