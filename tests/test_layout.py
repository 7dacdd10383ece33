"""What a module may load: validating tokens no database, and the app none of those it has bridges to."""

import os
import subprocess
import sys

import pytest

WITHOUT_SETTINGS = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
PROGRAM = "import sys, importlib; importlib.import_module(sys.argv[1]); print('django.db' in sys.modules)"


@pytest.mark.parametrize(
    "module",
    [
        "tokenauth.tokens.claims",
        "tokenauth.tokens.verify",
        "tokenauth.revocation.mirror",
        "tokenauth.revocation.notifiers.reader",
        "tokenauth.revocation.digests",
        "tokenauth.resource",
        "tokenauth.resource.asgi",
        "project.orders_service",
    ],
)
def test_validating_a_token_loads_no_database_layer(module):
    answer = subprocess.run(
        [sys.executable, "-c", PROGRAM, module],
        capture_output=True,
        text=True,
        check=True,
        env=WITHOUT_SETTINGS,
    )

    assert answer.stdout.strip() == "False"


SITE = """
import django, sys
from django.conf import settings
settings.configure(
    SECRET_KEY="x", INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "tokenauth"]
)
django.setup()
import tokenauth.api.urls, tokenauth.contrib, tokenauth.tasks
print([name for name in ("allauth", "django_otp", "hijack") if name in sys.modules])
"""


def test_a_site_without_the_bridged_apps_loads_none_of_them():
    answer = subprocess.run([sys.executable, "-c", SITE], capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "[]"


ELSEWHERE = """
import sys

class NoDatabase:
    def find_spec(self, name, path=None, target=None):
        if name == "django.db" or name.startswith(("django.db.", "rest_framework", "tokenauth.models")):
            raise ImportError(name)

sys.meta_path.insert(0, NoDatabase())
from tokenauth.resource import Cause, Refused, Verifier
import tokenauth.resource.asgi
import django.conf
nowhere = Verifier(issuer="http://127.0.0.1:9", client_id="orders-api", client_secret="x", start_timeout=1)
outcome = nowhere.verify("a.b.c")
print(isinstance(outcome, Refused) and outcome.cause is Cause.STALE_MIRROR, django.conf.settings.configured)
"""


def test_a_service_elsewhere_runs_where_no_database_layer_can_be_loaded_and_no_settings_are():
    answer = subprocess.run(
        [sys.executable, "-c", ELSEWHERE], capture_output=True, text=True, check=True, env=WITHOUT_SETTINGS
    )

    assert answer.stdout.strip() == "True False"
