"""openapi.json: as it is committed, and as the code would have it now."""

import json
import os
import subprocess
import sys
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
COMMITTED = ROOT / "openapi.json"


@lru_cache(maxsize=1)
def committed() -> dict[str, Any]:
    return dict(json.loads(COMMITTED.read_text()))


@lru_cache(maxsize=1)
def made_now() -> str:
    """The document as the example site makes it, in a process of its own: a test's settings are none of it.

    Raises:
        AssertionError: The document is none, or the generator had something to say about it.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "openapi.json"
        command = [sys.executable, "manage.py", "spectacular", "--urlconf", "project.contract"]
        command += ["--format", "openapi-json", "--validate", "--fail-on-warn", "--file", str(path)]
        environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "project.settings", "SITE_VAR": folder}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return path.read_text() + "\n"
