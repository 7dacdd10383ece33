"""One description for drf-spectacular's inspector, instead of what it would guess."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

from tokenauth.api.openapi import security


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """An endpoint: each of ours has one method."""

    name: str
    tag: str
    summary: str
    description: str
    #: Serializer or OpenApiRequest by media type; None where nothing is sent.
    request: Mapping[str, Any] | None = None
    #: By status.
    answers: Mapping[int, OpenApiResponse]
    #: Answers in another media type, by status and type.
    also: Mapping[tuple[int, str], OpenApiResponse] = field(default_factory=dict)
    #: Of the request and, with `response`, of the answers.
    parameters: Sequence[OpenApiParameter] = ()
    #: Whether the client may authenticate by HTTP Basic.
    basic_too: bool = False


class CallSchema(AutoSchema):
    """An inspector that says what a `Call` says."""

    def __init__(self, call: Call) -> None:
        super().__init__()
        self.call = call

    def get_operation_id(self) -> str:
        # the key set stands at two addresses
        return f"{self.call.name}_wellknown" if self.path.endswith(".json") else self.call.name

    def get_tags(self) -> list[str]:
        return [self.call.tag]

    def get_summary(self) -> str:
        return self.call.summary

    def get_description(self) -> str:  # type: ignore[override]
        return self.call.description

    def get_request_serializer(self) -> Any:
        return dict(self.call.request) if self.call.request else None

    def get_response_serializers(self) -> Any:
        return {**self.call.answers, **self.call.also}

    def get_override_parameters(self) -> list[Any]:
        return list(self.call.parameters)

    def get_auth(self) -> list[dict[str, Any]]:
        if self.view.authentication_classes:
            return super().get_auth()
        if not self.call.basic_too:
            return [{}]
        self.registry.register_on_missing(
            ResolvedComponent(  # type: ignore[no-untyped-call]
                name=security.CLIENT,
                type=ResolvedComponent.SECURITY_SCHEMA,
                object=security.CLIENT,
                schema=security.CLIENT_DEFINITION,
            )
        )
        return [{security.CLIENT: []}, {}]
