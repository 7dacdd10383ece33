"""openapi.json says what the code does, and a client may rely on it."""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from tests.openapi.differences import breaking
from tests.openapi.document import committed, made_now
from tokenauth.errors import PublicError

OPERATIONS = [
    pytest.param(path, method, id=f"{method} {path}")
    for path, methods in committed()["paths"].items()
    for method in methods
]


def test_no_difference_to_the_committed_document_breaks_a_client():
    found = breaking(committed(), json.loads(made_now()))

    assert not found, "Clients would break:\n" + "\n".join(found)


def test_the_committed_document_is_up_to_date():
    assert json.loads(made_now()) == committed(), "openapi.json is not what the code says: run `make openapi`"


def test_every_endpoint_and_method_is_in_it():
    described = {
        operation["operationId"]
        for methods in committed()["paths"].values()
        for operation in methods.values()
    }

    assert described == {
        "login",
        "login_continue",
        "refresh",
        "token",
        "revoke",
        "introspect",
        "revocations",
        "jwks",
        "jwks_wellknown",
        "metadata",
        "health",
        "sessions",
        "end_session",
        "revoke_others",
        "revoke_all",
        "devices",
        "rename_device",
        "revoke_device",
    }
    assert set(endpoints("auth/", get_resolver("tokenauth.api.urls"))) == {
        (path, method) for path, method in operations() if path.startswith("auth/")
    }


def test_every_error_of_the_contract_has_an_example():
    shown = {
        example["value"]["error"]
        for path, method in operations()
        for status, answer in operation(path, method)["responses"].items()
        if status >= "400"
        for example in examples(answer)
        if "error" in example["value"]
    }

    assert shown == {*PublicError, "invalid_token"}


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_body_has_examples_that_are_what_it_says(path, method):
    described = committed()["paths"][path][method]
    bodies = [described["requestBody"]] if "requestBody" in described else []
    bodies += [answer for answer in described["responses"].values() if "content" in answer]

    for body in bodies:
        assert examples(body)
        for content in body["content"].values():
            schema = {**content["schema"], "components": committed()["components"]}
            for example in content["examples"].values():
                jsonschema.validate(example["value"], schema)


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_who_is_told_to_come_back_is_told_when(path, method):
    answers = committed()["paths"][path][method]["responses"]

    for status in {"429", "503"} & answers.keys():
        if path != "/auth/health/":
            assert answers[status]["headers"]["Retry-After"]["required"]


def operations() -> Iterator[tuple[str, str]]:
    for path, methods in committed()["paths"].items():
        for method in methods:
            yield path.removeprefix("/"), method


def operation(path: str, method: str) -> dict[str, Any]:
    return dict(committed()["paths"][f"/{path}"][method])


def examples(body: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        example
        for content in body.get("content", {}).values()
        for example in content.get("examples", {}).values()
    ]


def endpoints(prefix: str, resolver: URLResolver) -> Iterator[tuple[str, str]]:
    for pattern in resolver.url_patterns:
        assert isinstance(pattern, URLPattern)
        regex = str(pattern.pattern).removeprefix("^").removesuffix(r"\Z").replace("/?", "/")
        path = regex.replace("(?P<session_id>[^/]+)", "{session_id}").replace(
            "(?P<device_id>[^/]+)", "{device_id}"
        )
        for method in pattern.callback.view_class().allowed_methods:  # type: ignore[attr-defined]
            if method != "OPTIONS":
                yield prefix + path, method.lower()
