"""The example site's page of all calls: served whole from the site itself."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.openapi.document import ROOT

PROGRAM = """
import django; django.setup()
import json
from django.contrib.staticfiles import finders
from django.test import Client
page, script, document = (
    Client().get(path, headers={"Host": "localhost"})
    for path in ("/docs/", "/docs/?script=", "/openapi.json")
)
print(json.dumps({
    "status": [page.status_code, script.status_code, document.status_code],
    "page": page.content.decode(),
    "script": script.content.decode(),
    "document": document.json(),
    "found": {name: finders.find(f"drf_spectacular_sidecar/swagger-ui-dist/{name}") is not None
              for name in ("swagger-ui.css", "swagger-ui-bundle.js", "swagger-ui-standalone-preset.js")},
}))
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder: Path = tmp_path_factory.mktemp("site")
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "project.settings", "SITE_VAR": str(folder)}
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_the_page_its_script_and_the_document_are_there(seen):
    assert seen["status"] == [200, 200, 200]
    assert all(seen["found"].values())


def test_nothing_comes_from_elsewhere(seen):
    addresses = re.findall(r'(?:src|href)="([^"]*)"', seen["page"])

    assert len(addresses) == 5
    assert all(address.startswith("/") and not address.startswith("//") for address in addresses)
    assert "https://" not in seen["script"]


def test_no_script_stands_in_the_page(seen):
    assert re.findall(r"<script[^>]*>([^<]*)</script>", seen["page"]) == ["", "", ""]
    assert not re.search(r"\son\w+=", seen["page"])


def test_a_view_of_the_site_says_which_scope_it_needs(seen):
    orders = seen["document"]["paths"]["/api/orders/"]

    assert orders["get"]["security"] == [{"accessToken": ["orders:read"]}]
    assert orders["post"]["security"] == [{"accessToken": ["orders:write"]}]
