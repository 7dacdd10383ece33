"""The endpoints as OpenAPI, by drf-spectacular (extra `[openapi]`): loaded where that is installed."""

from tokenauth.api.openapi import security  # noqa: F401 - drf-spectacular finds an extension once it is loaded
from tokenauth.api.openapi.calls import CALLS
from tokenauth.api.openapi.inspector import CallSchema


def describe() -> None:
    """Give every endpoint its description; to other generators they stay undescribed (`schema = None`)."""
    for view, call in CALLS.items():
        view.schema = CallSchema(call)  # type: ignore[assignment]
