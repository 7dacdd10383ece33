"""What counts as breaking a client, and what does not."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.openapi.differences import breaking

DOCUMENT: dict[str, Any] = {
    "paths": {
        "/login/": {
            "post": {
                "operationId": "login",
                "security": [{"basic": []}, {}],
                "parameters": [{"in": "header", "name": "Key", "schema": {"type": "string"}}],
                "requestBody": {
                    "content": {
                        "application/json": {"schema": {"$ref": "#/components/schemas/Request"}},
                        "form": {"schema": {"type": "object"}},
                    }
                },
                "responses": {
                    "200": {
                        "headers": {"ETag": {"schema": {"type": "string"}, "required": True}},
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Answer"}}},
                    },
                    "400": {"description": "Refused."},
                },
            }
        }
    },
    "components": {
        "schemas": {
            "Request": {
                "type": "object",
                "properties": {
                    "name": {"type": "string", "maxLength": 100},
                    "scope": {"type": "string"},
                    "audience": {"oneOf": [{"type": "string"}, {"type": "array"}]},
                },
                "required": ["name"],
            },
            "Answer": {
                "type": "object",
                "properties": {
                    "id": {"type": "string", "format": "uuid"},
                    "rows": {"type": "array", "items": {"type": "integer"}},
                },
                "required": ["id", "rows"],
            },
        }
    },
}
Change = Callable[[dict[str, Any], dict[str, Any], dict[str, Any]], object]


def changed(change: Change) -> dict[str, Any]:
    document = copy.deepcopy(DOCUMENT)
    schemas = document["components"]["schemas"]
    change(document["paths"]["/login/"]["post"], schemas["Request"], schemas["Answer"])
    return document


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda call, sent, got: call.update(operationId="other"), "operationId login became other"),
        (lambda call, sent, got: call["security"].pop(), "no HTTP authentication is not enough any more"),
        (lambda call, sent, got: call["parameters"].clear(), "header parameter Key: it is gone"),
        (lambda call, sent, got: call["parameters"][0].update(required=True), "Key: it became required"),
        (
            lambda call, sent, got: call["parameters"].append(
                {"in": "query", "name": "new", "required": True, "schema": {}}
            ),
            "query parameter new: new and required",
        ),
        (lambda call, sent, got: call["requestBody"].update(required=True), "a body became required"),
        (lambda call, sent, got: call["requestBody"]["content"].pop("form"), "form is not read any more"),
        (lambda call, sent, got: sent["properties"].pop("scope"), "field scope: it is gone"),
        (lambda call, sent, got: sent["required"].append("scope"), "field scope: it became required"),
        (
            lambda call, sent, got: (
                sent["properties"].update(new={"type": "string"}),
                sent["required"].append("new"),
            ),
            "field new: new and required",
        ),
        (
            lambda call, sent, got: sent["properties"]["scope"].update(type="array"),
            "field scope: string became array",
        ),
        (
            lambda call, sent, got: sent["properties"]["audience"]["oneOf"].pop(),
            "field audience: array or string became string",
        ),
        (
            lambda call, sent, got: sent["properties"]["name"].update(maxLength=50),
            "field name: maxLength 100 became 50",
        ),
        (
            lambda call, sent, got: sent["properties"]["scope"].update(pattern="^a$"),
            "field scope: pattern any became ^a$",
        ),
        (lambda call, sent, got: call["responses"].pop("400"), "400: the answer is gone"),
        (lambda call, sent, got: call["responses"]["200"]["headers"].clear(), "header ETag: it is gone"),
        (
            lambda call, sent, got: call["responses"]["200"]["headers"]["ETag"].pop("required"),
            "header ETag: it may be missing now",
        ),
        (
            lambda call, sent, got: call["responses"]["200"]["content"].clear(),
            "application/json is not sent any more",
        ),
        (lambda call, sent, got: got["properties"].pop("id"), "field id: it is gone"),
        (lambda call, sent, got: got["required"].remove("id"), "field id: it may be missing now"),
        (
            lambda call, sent, got: got["properties"]["id"].update(type=["string", "null"]),
            "field id: string became null or string",
        ),
        (
            lambda call, sent, got: got["properties"]["rows"]["items"].update(type="string"),
            "field rows, items: integer became string",
        ),
        (
            lambda call, sent, got: got["properties"]["id"].pop("format"),
            "field id: format uuid became any",
        ),
    ],
)
def test_what_a_client_relies_on_breaks_it(change, sentence):
    found = breaking(DOCUMENT, changed(change))

    assert len(found) == 1
    assert found[0].startswith("POST /login/")
    assert sentence in found[0]


def test_a_path_or_method_that_is_gone_breaks_a_client():
    assert breaking(DOCUMENT, {**DOCUMENT, "paths": {}}) == ["/login/: the path is gone"]
    assert breaking(DOCUMENT, {**DOCUMENT, "paths": {"/login/": {}}}) == ["POST /login/: the method is gone"]


@pytest.mark.parametrize(
    "change",
    [
        lambda call, sent, got: call["security"].append({"bearer": []}),
        lambda call, sent, got: call["parameters"].append({"in": "query", "name": "new", "schema": {}}),
        lambda call, sent, got: call["responses"].update({"429": {"description": "Too often."}}),
        lambda call, sent, got: sent["properties"].update(new={"type": "string"}),
        lambda call, sent, got: sent["properties"]["name"].update(maxLength=200),
        lambda call, sent, got: sent["required"].clear(),
        lambda call, sent, got: got["properties"].update(new={"type": "string"}),
        lambda call, sent, got: call.update(description="Said better."),
    ],
)
def test_an_addition_breaks_nobody(change):
    assert breaking(DOCUMENT, changed(change)) == []
