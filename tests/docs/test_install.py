"""The wheel, in an environment that holds nothing else, installed as the README says."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, blocks
from tests.docs.site import Site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

README = ROOT / "README.md"
MAKE_A_USER = (
    "from django.contrib.auth.models import User; User.objects.create_user('ada', password='s3cret-enough')"
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as CI builds it from this checkout."""
    folder = tmp_path_factory.mktemp("dist")
    options = ["--wheel", "--no-isolation", "--quiet", "--outdir", folder]
    subprocess.run([sys.executable, "-m", "build", *options, ROOT], check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_the_app_and_nothing_else(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())

    sources = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "tokenauth").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert {name for name in names if ".dist-info/" not in name} == sources
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_a_fresh_site_works_after_the_readmes_own_steps(wheel: Path, tmp_path: Path):
    site = Site(tmp_path / "shop", _empty_environment(tmp_path / "venv"), {"/path/to/checkout": str(wheel)})
    site.folder.mkdir()
    steps = [block for block in blocks(README) if block.deed]
    install, *steps = steps

    site.apply(install)
    site.start_project("shop")
    for step in steps:
        site.apply(step)
    where = site.run([site.python, "-c", "import tokenauth; print(tokenauth.__file__)"])
    site.run(
        [site.python, "manage.py", "check", "--deploy", "--fail-level", "ERROR", "--database", "default"]
    )
    site.run([site.python, "manage.py", "shell", "--command", MAKE_A_USER])

    assert where.startswith(str(tmp_path / "venv"))
    with site.serving():
        login = {"username": "ada", "password": "s3cret-enough", "client_id": "web"}
        status, pair = site.call("POST", "/auth/login/", login)
        assert status == 200, pair
        shown = {"refresh_token": pair["refresh_token"], "client_id": "web"}
        status, refreshed = site.call("POST", "/auth/token/refresh/", shown)
        assert status == 200, refreshed
        assert refreshed["refresh_token"] != pair["refresh_token"]
        bearer = f"Bearer {refreshed['access_token']}"
        assert site.call("GET", "/orders/") == (
            401,
            {"detail": "Authentication credentials were not provided."},
        )
        assert site.call("GET", "/orders/", Authorization=bearer) == (200, {"user": 1})
        assert (
            site.call("GET", "/.well-known/oauth-authorization-server")[1]["issuer"] == "https://shop.example"
        )


def test_the_install_section_is_run_to_the_last_block():
    section = README.read_text().split("## Install it into a site")[1].split("\n## ")[0]

    assert section.count("```") == 2 * len([block for block in blocks(README) if block.deed])


def _empty_environment(folder: Path) -> Path:
    """Make an environment with pip alone and return its Python."""
    made = subprocess.run([sys.executable, "-m", "venv", folder], capture_output=True, check=False)
    python = folder / "bin/python"
    if made.returncode:  # Debian's python3 has no ensurepip without python3-venv
        subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", folder], check=True)
        subprocess.run(
            [sys.executable, "-m", "pip", "--quiet", "--python", python, "install", "pip"], check=True
        )
    return python
