"""Input that no client sends, at every endpoint: a flat 4xx, and nothing has changed."""

import json
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.apps import apps
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.factories import PASSWORD
from tests.openapi.conftest import World
from tests.openapi.document import committed
from tokenauth.api.parameters import LONGEST_VALUE

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
OPERATIONS = [
    pytest.param(path, method, id=f"{method} {path}")
    for path, methods in committed()["paths"].items()
    for method in methods
]
ACCOUNT = ("/auth/sessions/", "/auth/devices/")
#: What each endpoint that reads a body is sent when nothing is wrong with it.
USUAL: dict[str, set[str]] = {
    "/auth/login/": {"username", "password", "client_id", "device", "scope", "audience"},
    "/auth/login/continue/": {"challenge", "method", "response", "client_id"},
    "/auth/token/refresh/": {"refresh_token", "client_id", "device_id", "scope", "audience", "grant_type"},
    "/auth/token/": {"refresh_token", "client_id", "scope", "grant_type", "device_id"},
    "/auth/token/revoke/": {"token", "client_id"},
    "/auth/token/introspect/": {"token", "client_id", "client_secret"},
    "/auth/sessions/revoke-others/": {"password"},
    "/auth/sessions/revoke-all/": {"password"},
    "/auth/sessions/{session_id}/": {"password"},
    "/auth/devices/{device_id}/": {"name"},
    "/auth/devices/{device_id}/revoke/": {"reason", "password"},
}
#: Where a token that no database could store is as unknown as any other (RFC 7009 2.2, RFC 7662 2.2).
UNKNOWN_TOKEN: dict[str, dict[str, bool]] = {
    "/auth/token/revoke/": {},
    "/auth/token/introspect/": {"active": False},
}

unstorable = st.one_of(
    st.text(max_size=20).map(lambda text: f"{text}\x00"),
    st.sampled_from(["\ud800", "a\udfff", "\udc80\ud800", "x" * (LONGEST_VALUE + 1), "é" * 60_000, "\x00"]),
)
wrong_types = st.one_of(
    st.integers(),
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.dictionaries(st.text(max_size=5), st.integers(), min_size=1, max_size=3),
    st.lists(st.integers(), min_size=1, max_size=3),
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | unstorable,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
bodies = st.one_of(
    st.binary(max_size=400),
    anything.map(lambda value: json.dumps(value).encode()),
    st.text(max_size=100).map(lambda text: json.dumps({"client_id": "web", "username": text}).encode()),
    st.sampled_from(
        [
            b"[" * 20_000,
            b'{"a":' * 5_000,
            b'{"client_id":"web","client_id":"web"}',
            b'{"client_id":"\\ud800"}',
            b'{"client_id":1e999}',
            b"\xef\xbb\xbf{}",
            b"{} {}",
            b"client_id=%00&client_id=%ff",
            b"client_id=%ed%a0%80&refresh_token=%",
            b"&" * 2_000,
            b"a=b;" * 1_000,
            b"x" * 70_000,
            b"{" + b" " * 70_000 + b"}",
            "client_id=wéb".encode("utf-16"),
        ]
    ),
)
content_types = st.one_of(
    st.sampled_from(
        [
            JSON,
            FORM,
            "",
            f"{JSON}; charset=utf-16",
            f"{JSON}; charset=base64",
            f"{FORM}; charset=nonsense",
            "multipart/form-data",
            "multipart/form-data; boundary=x",
            "text/plain",
            "application/x-www-form-urlencoded, application/json",
        ]
    ),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30),
)
header_values = st.text(
    st.characters(min_codepoint=1, max_codepoint=255, exclude_characters="\r\n"), max_size=80
)
schemes = st.sampled_from(
    ["", "Bearer ", "bearer  ", "Basic ", "Basic Og==", "Digest ", "Bearer a.b.c, Basic "]
)


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_garbage_is_refused_and_changes_nothing(path, method, world):
    throw_garbage(path, method, world, examples=12)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_much_garbage_is_refused_and_changes_nothing(path, method, world):
    throw_garbage(path, method, world, examples=150)


@pytest.mark.parametrize("path", USUAL)
def test_one_thing_wrong_in_a_good_request_is_refused_and_changes_nothing(path, world):
    spoil(path, world, examples=10)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("path", USUAL)
def test_one_thing_wrong_in_many_good_requests_is_refused_and_changes_nothing(path, world):
    spoil(path, world, examples=150)


def throw_garbage(path: str, method: str, world: World, *, examples: int) -> None:
    values = world.values()

    @thoroughly(examples)
    @given(
        body=bodies,
        content_type=content_types,
        authorization=st.tuples(schemes, header_values).map("".join),
        has_token=st.booleans(),
        headers=st.dictionaries(
            st.sampled_from(
                ["Idempotency-Key", "X-Request-ID", "X-Forwarded-For", "User-Agent", "Cookie", "Accept"]
            ),
            header_values,
        ),
        part=st.one_of(st.text(min_size=1, max_size=30), unstorable.map(lambda text: text[:200])),
        query=st.one_of(
            st.text(max_size=30), st.sampled_from(["cursor=%00", "cursor=%ff", "cursor=1", "format=html"])
        ),
    )
    def each(
        body: bytes,
        content_type: str,
        authorization: str,
        has_token: bool,
        headers: dict[str, str],
        part: str,
        query: str,
    ) -> None:
        shows_token = has_token and path.startswith(ACCOUNT)
        sent = f"Bearer {values['access_token']}" if shows_token else authorization
        segment = quote(part.encode("utf-8", "surrogatepass"), safe="")
        address = path.replace("{session_id}", segment).replace("{device_id}", segment)
        # Django itself reads the query by that charset, before there is a request that anyone could answer
        query = "" if "base64" in content_type else query
        before = everything()

        answer = world.http.browser.generic(
            method.upper(),
            f"{address}?{quote(query.encode('utf-8', 'surrogatepass'), safe='=%&')}",
            body,
            content_type=content_type,
            headers={**headers, "Authorization": sent},
        )

        if answer.status_code >= 400:
            assert_flat_error(answer)
        if answer.status_code >= 400 or not shows_token:
            assert everything() == before

    each()


def spoil(path: str, world: World, *, examples: int) -> None:
    method = next(iter(committed()["paths"][path]))
    content = committed()["paths"][path][method].get("requestBody", {}).get("content", {JSON: {}})
    values = world.values()
    good = usual(path, world, values)

    @thoroughly(examples)
    @given(
        data=st.data(),
        name=st.sampled_from(sorted(good)),
        media_type=st.sampled_from(sorted(content)),
    )
    def each(data: st.DataObject, name: str, media_type: str) -> None:
        is_json = media_type == JSON
        if name == "device" and not is_json:
            name = "device_name"
        # an object of unknown members is a device of which nothing is said
        of_wrong_type = wrong_types.filter(lambda value: name != "device" or not isinstance(value, dict))
        value = data.draw(unstorable | of_wrong_type if is_json else unstorable)
        body = (
            json.dumps({**good, name: value})
            if is_json
            else form({**good, name: value}, data.draw(st.booleans()))
        )
        before = everything()

        answer = world.http.browser.generic(
            method.upper(),
            path.replace("{session_id}", values["session_id"]).replace("{device_id}", values["device_id"]),
            body,
            content_type=media_type,
            headers={"Authorization": f"Bearer {values['access_token']}"} if path.startswith(ACCOUNT) else {},
        )

        assert everything() == before
        if answer.status_code == 200:
            assert name == "token"
            assert answer.json() == UNKNOWN_TOKEN[path]
        else:
            assert_flat_error(answer)

    each()


def usual(path: str, world: World, values: dict[str, Any]) -> dict[str, Any]:
    known = {
        **values,
        "password": PASSWORD,
        "scope": "orders:read",
        "audience": "https://issuer.test",
        "grant_type": "refresh_token",
        "device": {"name": "Phone"},
        "challenge": "tkc_x",
        "method": "otp",
        "response": "1",
        "name": "Phone",
        "reason": "lost",
    }
    if path.endswith("introspect/"):
        known |= {"client_id": world.orders.client_id, "client_secret": world.orders_secret}
    return {name: known[name] for name in USUAL[path]}


def form(values: dict[str, Any], twice: bool) -> str:
    pairs = [(name, value) for name, value in values.items() if isinstance(value, str)]
    encoded = [
        urlencode([(name, value.encode("utf-8", "surrogatepass"))])
        for name, value in [*pairs, *pairs[: int(twice)]]
    ]
    return "&".join(encoded)


def everything() -> dict[str, list[Any]]:
    """Every row of the app, as the database has it; but when a secret was last used."""
    return {
        model.__name__: list(
            model._default_manager.order_by("pk").values_list(
                *(column.attname for column in model._meta.concrete_fields if column.name != "last_used_at")
            )
        )
        for model in apps.get_app_config("tokenauth").get_models()
    }


def assert_flat_error(answer: Any) -> None:
    assert 400 <= answer.status_code < 500, answer.content
    assert answer["Content-Type"] == JSON
    body = answer.json()
    assert body.keys() <= {"error", "error_description", "reauthenticate"}
    assert isinstance(body["error"], str)
    assert body["error_description"].isascii()


def thoroughly(examples: int) -> Any:
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
