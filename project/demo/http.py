"""The few lines of HTTP that the story needs."""

import json
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any

#: Loopback only: no proxy of the environment stands between the story and its site.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: dict[str, Any]
    challenge: str

    @property
    def error(self) -> str:
        """The public word, from the body or from the WWW-Authenticate header (RFC 6750 3)."""
        if "error" in self.body:
            return str(self.body["error"])
        _, found, rest = self.challenge.partition('error="')
        return rest.partition('"')[0] if found else ""


def call(url: str, *, form: dict[str, str] | None = None, access_token: str = "") -> Answer:
    """GET, or POST where there is a form. An answer of 4xx or 5xx is an answer, not an exception."""
    data = urllib.parse.urlencode(form).encode() if form else None
    headers = {"Authorization": f"Bearer {access_token}"} if access_token else {}
    try:
        with OPENER.open(urllib.request.Request(url, data=data, headers=headers), timeout=30) as response:
            return _answer(response.status, response)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return _answer(refusal.code, refusal)


def _answer(status: int, response: Any) -> Answer:
    raw = response.read()
    is_json = "json" in response.headers.get("Content-Type", "")
    body = json.loads(raw) if is_json else {}
    return Answer(
        status, body if isinstance(body, dict) else {}, response.headers.get("WWW-Authenticate", "")
    )
