"""The demo's passwords and client secrets: random for each checkout, in a file only its owner reads."""

import json
import os
import secrets
from pathlib import Path

from django.conf import settings


def password(username: str) -> str:
    """The user's password, made at first need."""
    held = _read()
    if f"password {username}" not in held:
        put(f"password {username}", secrets.token_urlsafe(12))
    return _read()[f"password {username}"]


def client_secret(client_id: str) -> str | None:
    """The client's secret, if one was made and the file is still there."""
    return _read().get(f"secret {client_id}")


def keep_client_secret(client_id: str, secret: str) -> None:
    put(f"secret {client_id}", secret)


def put(name: str, value: str) -> None:
    """Write the file anew beside the old one, then swap: a reader never meets half a file."""
    write_private(_path(), {**_read(), name: value})


def write_private(path: Path, content: object) -> None:
    """Write JSON to a file that only its owner may read, in one step."""
    draft = path.with_name(f"{path.name}-{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(content, indent=2) + "\n")
    draft.replace(path)


def _path() -> Path:
    return Path(settings.VAR) / "demo-secrets.json"


def _read() -> dict[str, str]:
    return json.loads(_path().read_text()) if _path().exists() else {}
