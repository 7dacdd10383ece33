"""A client that openapi-python-client generates from openapi.json, unchanged, against a live site."""

import importlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.factories import PASSWORD
from tests.openapi.document import COMMITTED

NAME = "generated_tokenauth_client"


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    folder = tmp_path_factory.mktemp("client")
    config = folder / "config.yml"
    config.write_text("post_hooks: []\n")
    command = [
        str(Path(sys.executable).parent / "openapi-python-client"),
        "generate",
        "--path",
        str(COMMITTED),
    ]
    command += ["--meta", "none", "--output-path", str(folder / NAME), "--config", str(config)]
    done = subprocess.run([*command, "--fail-on-warning"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(folder))
    yield importlib.import_module(NAME)
    sys.path.remove(str(folder))


@pytest.fixture
def connect(generated: ModuleType, site: str) -> Iterator[Callable[..., Any]]:
    """Make clients of the site, with an access token or without; close them after the test."""
    made: list[Any] = []

    def connected(token: str = "") -> Any:
        kind = generated.AuthenticatedClient if token else generated.Client
        made.append(kind(base_url=site, **({"token": token} if token else {})))
        return made[-1]

    yield connected
    for client in made:
        client.get_httpx_client().close()


def call(tag: str, name: str) -> Any:
    return importlib.import_module(f"{NAME}.api.{tag}.{name}")


def model(name: str) -> Any:
    return getattr(importlib.import_module(f"{NAME}.models"), name)


def log_in(client: Any, **device: str) -> Any:
    body = model("LoginRequest")(
        username="ada", password=PASSWORD, client_id="web", device=model("LoginDevice")(**device)
    )
    return call("tokens", "login").sync(client=client, body=body)


def test_login_refresh_and_sessions(connect, ada, web):
    client = connect()
    pair = log_in(client, name="Phone", platform="Android")
    body = model("RefreshRequest")(refresh_token=pair.refresh_token, client_id="web")

    refreshed = call("tokens", "refresh").sync(client=client, body=body)

    assert refreshed.session_id == pair.session_id
    own = connect(refreshed.access_token)
    page = call("account", "sessions").sync(client=own)
    assert [(session.id, session.current, session.device.name) for session in page.results] == [
        (pair.session_id, True, "Phone")
    ]
    assert page.next_ is None


def test_a_session_is_ended_and_others_are_revoked(connect, ada, web):
    client = connect()
    first, second, third = (log_in(client) for _ in range(3))
    own = connect(first.access_token)

    ended = call("account", "end_session").sync_detailed(second.session_id, client=own)
    others = call("account", "revoke_others").sync(client=own, body=model("Confirmation")())

    assert ended.status_code == 204
    assert others.ended == 1
    gone = connect(third.access_token)
    assert call("account", "sessions").sync(client=gone).error == "invalid_token"


def test_a_device_is_renamed_and_lost(connect, ada, web):
    pair = log_in(connect(), name="Phone")
    own = connect(pair.access_token)

    renamed = call("account", "rename_device").sync(
        pair.device_id, client=own, body=model("DeviceRename")(name="Old phone")
    )
    lost = call("account", "revoke_device").sync(
        pair.device_id, client=own, body=model("DeviceLoss")(reason="lost")
    )

    assert (renamed.name, renamed.lost) == ("Old phone", False)
    assert lost.ended == 1


def test_errors_are_objects_of_the_client_too(connect, ada, web):
    client = connect()
    wrong = model("LoginRequest")(username="ada", password="wrong", client_id="web")
    stale = model("RefreshForm")(refresh_token="tkr_x", client_id="web")

    refused = call("tokens", "login").sync(client=client, body=wrong)
    dead = call("tokens", "refresh").sync(client=client, body=stale)

    assert refused.error == "invalid_grant"
    assert (dead.error, dead.reauthenticate) == ("invalid_grant", True)


def test_the_documents_for_anyone(connect, site, ada, web):
    client = connect()
    log_in(client)

    assert call("site", "jwks_wellknown").sync(client=client).keys[0].alg == "ES256"
    assert call("site", "metadata").sync(client=client).token_endpoint == f"{site}/auth/token/"
    assert call("site", "health").sync(client=client).ready is True
