"""What a module may load: validating tokens no database, and the app none of those it has bridges to."""

import subprocess
import sys

import pytest

PROGRAM = "import sys, importlib; importlib.import_module(sys.argv[1]); print('django.db' in sys.modules)"


@pytest.mark.parametrize(
    "module",
    [
        "tokenauth.tokens.claims",
        "tokenauth.tokens.verify",
        "tokenauth.revocation.mirror",
        "tokenauth.revocation.notifiers.reader",
    ],
)
def test_validating_a_token_loads_no_database_layer(module):
    answer = subprocess.run(
        [sys.executable, "-c", PROGRAM, module], capture_output=True, text=True, check=True
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
