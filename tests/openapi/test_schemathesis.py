"""Requests that schemathesis makes of openapi.json: every answer is one that the document names."""

from typing import Any

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.factories import PASSWORD
from tests.openapi.conftest import World
from tests.openapi.document import COMMITTED

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    allow_header_conformance,
]

SCHEMA = schemathesis.openapi.from_path(COMMITTED)
SCHEMA.app = get_wsgi_application()
# who asks is decided below: a token made up at random never gets beyond 401
SCHEMA.config.generation.update(with_security_parameters=False)
OPERATIONS = [pytest.param(result.ok(), id=result.ok().label) for result in SCHEMA.get_all_operations()]
ACCOUNT = ("/auth/sessions/", "/auth/devices/")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_answer_is_one_that_the_document_names(operation, world):
    ask(operation, world, examples=16)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_answer_to_many_requests_is_one_that_the_document_names(operation, world):
    ask(operation, world, examples=150)


def ask(operation: Any, world: World, *, examples: int) -> None:
    cases = st.one_of(
        operation.as_strategy(GenerationMode.POSITIVE),
        operation.as_strategy(GenerationMode.NEGATIVE),
    )

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases, with_values=st.booleans(), shown=st.sampled_from(["valid", "valid", "wrong", ""]))
    def each(case: Any, with_values: bool, shown: str) -> None:
        values = world.values()
        if with_values:
            fill(case, values | secret_of_caller(case, world))
        headers = bearer(values["access_token"] if shown == "valid" else shown)
        checks = CHECKS if with_values else [*CHECKS, negative_data_rejection]
        case.call_and_validate(headers=headers if case.path.startswith(ACCOUNT) else {}, checks=checks)

    each()


def fill(case: Any, values: dict[str, Any]) -> None:
    """Put what exists into the place of what was generated, so that the request gets further."""
    if isinstance(case.body, dict):
        known = {**values, "password": PASSWORD}
        case.body = {name: known.get(name, value) for name, value in case.body.items()}
        if "client_secret" in values:
            case.body["client_secret"] = values["client_secret"]
    if case.path_parameters:
        case.path_parameters = {name: values.get(name, value) for name, value in case.path_parameters.items()}


def secret_of_caller(case: Any, world: World) -> dict[str, str]:
    if not case.path.endswith("/introspect/"):
        return {}
    return {"client_id": world.orders.client_id, "client_secret": world.orders_secret}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}
