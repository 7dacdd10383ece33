"""The benchmarks' own environment: the peers belong in no environment of this project's."""

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "var" / "bench-venv"
PYTHON = FOLDER / "bin" / "python"
_LOCK = ROOT / "benchmarks" / "requirements.txt"
_INSTALLED = FOLDER / "installed"


def is_here() -> bool:
    """Whether this process runs in it."""
    return Path(sys.prefix).resolve() == FOLDER.resolve()


def enter(arguments: list[str]) -> NoReturn:
    """Make the environment where it is missing or out of date, and start again inside it."""
    wanted = hashlib.sha256(_LOCK.read_bytes()).hexdigest()
    if not _INSTALLED.exists() or _INSTALLED.read_text() != wanted:
        print(f"Installing the peers into {FOLDER.relative_to(ROOT)} ...", file=sys.stderr, flush=True)
        _make()
        _INSTALLED.write_text(wanted)
    os.chdir(ROOT)
    os.execv(PYTHON, [str(PYTHON), "-m", "benchmarks", *arguments])  # noqa: S606


def _make() -> None:
    venv.create(FOLDER, clear=True, symlinks=True, with_pip=False)
    # the pip of the project's environment fills this one: a Debian's Python makes none of its own
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-qq", "--python", str(PYTHON)]
    subprocess.run([*pip, "install", "--require-hashes", "-r", str(_LOCK)], check=True)  # noqa: S603
