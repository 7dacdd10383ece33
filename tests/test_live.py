"""A site that a test starts has the transactions of the stack that the test runs on."""

import subprocess
import sys

import pytest

from tests.databases import ATOMIC_REQUESTS, ISOLATION
from tests.live import site_environment

TELL = """
from django.conf import settings
database = settings.DATABASES["default"]
print(database["ATOMIC_REQUESTS"], getattr(database["OPTIONS"].get("isolation_level"), "name", None))
"""


def transactions_of_a_site(folder, **stack: str) -> str:
    environment = {**site_environment(folder, 0), **stack}
    told = subprocess.run([sys.executable, "-c", TELL], env=environment, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    return told.stdout.strip()


@pytest.mark.parametrize(("given", "taken"), [("1", "True"), ("", "False")])
def test_atomic_requests(tmp_path, given, taken):
    assert transactions_of_a_site(tmp_path, **{ATOMIC_REQUESTS: given, ISOLATION: ""}) == f"{taken} None"


@pytest.mark.postgres
def test_the_isolation_level(tmp_path):
    told = transactions_of_a_site(tmp_path, **{ISOLATION: "repeatable read", ATOMIC_REQUESTS: ""})

    assert told == "False REPEATABLE_READ"
