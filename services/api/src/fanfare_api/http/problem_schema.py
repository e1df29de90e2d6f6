"""How OpenAPI describes an error: one schema for every address."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Problem(BaseModel):
    """An error as RFC 9457 has it. Decide by `code`, which stays; `detail` is for humans. Some codes add fields."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["urn:fanfare:problem:not-found"])
    title: str
    status: int = Field(examples=[404])
    detail: str
    instance: str = Field(examples=["/v1/apps/0199…"])
    code: str = Field(examples=["NOT_FOUND"])
    retryable: bool = Field(description="The same request may succeed later; Retry-After says when")
    request_id: str
    errors: list[dict[str, str]] | None = Field(
        default=None,
        description="With INVALID_REQUEST: field by field",
        examples=[
            [{"field": "data_payload.colour", "message": "Input should be a valid string", "type": "string_type"}]
        ],
    )


# Said so, the framework leaves out its own idea of a 422.
PROBLEM_RESPONSES: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "A problem",
        "content": {"application/problem+json": {"schema": Problem.model_json_schema()}},
    }
}
