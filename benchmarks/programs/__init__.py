"""Cases that are programs of their own: they are started, and what they print is read."""

import os
import subprocess
import sys
from collections.abc import Mapping

from benchmarks.environment import ROOT


def printed(module: str, *arguments: str, environ: Mapping[str, str]) -> str:
    """Return what a module prints when it is run on the site of this app."""
    own = {**os.environ, **environ, "DJANGO_SETTINGS_MODULE": "benchmarks.sites.ours.settings"}
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=ROOT, env=own, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603
    return done.stdout
