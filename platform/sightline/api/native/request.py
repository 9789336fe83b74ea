"""The envelope of a job request, and how what is wrong with it is told."""

from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from sightline.cache.options import CacheOptions
from sightline.errors import FieldError, InvalidInput, Problem
from sightline.kinds.pointers import pointer
from sightline.kinds.registry import KINDS
from sightline.kinds.text import STORABLE
from sightline.net.urls import check_url

SESSION_ID = r"^ses_[0-7][0-9A-HJKMNP-TV-Z]{25}$"
MOST_TAGS = 20
MOST_METADATA = 50
LONGEST_DEADLINE_MS = 7 * 86_400_000
LONGEST_RETENTION_S = 366 * 86_400

Model = TypeVar("Model", bound=BaseModel)

Tag = Annotated[str, Field(min_length=1, max_length=64), STORABLE]
MetadataKey = Annotated[str, Field(min_length=1, max_length=64), STORABLE]
MetadataText = Annotated[str, Field(max_length=1024), STORABLE]
MetadataInteger = Annotated[int, Field(ge=-(2**53), le=2**53)]


def _not_whole(value: object) -> object:
    """An integer that is too large must not slip in as a float that is only nearly the same."""
    if isinstance(value, int):
        raise ValueError("integers go from -2**53 to 2**53")
    return value


MetadataFloat = Annotated[float, BeforeValidator(_not_whole)]

_OWN_CODES = frozenset({"too_many_images", "context_too_long", "poisoned_input", "unsupported_media"})
"""Types of validation errors that are codes of the API; every other one is `invalid_input`."""


class WebhookAddress(BaseModel):
    """Who is told of the end of one job."""

    model_config = ConfigDict(extra="forbid", strict=True)

    url: str = Field(min_length=8, max_length=2048, description="An http or https address.")

    @field_validator("url")
    @classmethod
    def _may_be_called(cls, url: str) -> str:
        return deliverable(url)


class SessionRef(BaseModel):
    """The session that a job goes on from."""

    model_config = ConfigDict(extra="forbid", strict=True)

    id: str = Field(pattern=SESSION_ID, description="ses_01J…")
    version: int | None = Field(
        default=None,
        ge=0,
        le=2**31 - 1,
        description="The version that you go on from: 409 when the session has changed since. Left out: whichever.",
    )


class JobRequest(BaseModel):
    """A job to be done: what kind, on what, and how."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    kind: str = Field(max_length=20, description="gui, ocr or chat", json_schema_extra={"enum": list(KINDS)})
    model: str | None = Field(
        default=None, max_length=63, description="Model tag; left out, the default one."
    )
    input: dict[str, Any] = Field(description="As the kind's schema says.")
    params: dict[str, Any] = Field(default_factory=dict, description="Sampling and pixel budget.")
    deadline_ms: int | None = Field(
        default=None, ge=1, le=LONGEST_DEADLINE_MS, description="From acceptance; then the job expires."
    )
    max_attempts: int | None = Field(default=None, ge=1, le=20, description="Tries after transient failures.")
    retention_s: int | None = Field(
        default=None, ge=60, le=LONGEST_RETENTION_S, description="Kept for so long after it ended."
    )
    stream: bool = Field(
        default=False,
        description="Somebody reads its event stream from the first token on. Without it, text comes within a"
        " second after a reader came.",
    )
    cache: CacheOptions | None = Field(default=None, description="How it uses earlier answers.")
    session: SessionRef | None = Field(
        default=None,
        description="A history to go on from (chat, gui); the job's success adds to it. One job at a time.",
    )
    webhook: WebhookAddress | None = Field(default=None, description="Told once when the job ends.")
    tags: list[Tag] = Field(default_factory=list, max_length=MOST_TAGS, description="To filter lists by.")
    metadata: dict[MetadataKey, MetadataText | MetadataInteger | MetadataFloat | bool | None] = Field(
        default_factory=dict, max_length=MOST_METADATA, description="Yours; kept and given back."
    )

    @field_validator("kind")
    @classmethod
    def _known_kind(cls, kind: str) -> str:
        if kind not in KINDS:
            raise PydanticCustomError(
                "unknown_kind", "There are the kinds {kinds}.", {"kinds": ", ".join(KINDS)}
            )
        return kind


def deliverable(url: str) -> str:
    """The address of a webhook; a validation error for one that would never be called."""
    try:
        check_url(url)
    except Problem as problem:
        raise PydanticCustomError("webhook_url", "{detail}", {"detail": problem.detail}) from problem
    return url


class ValidationProblem(InvalidInput):
    """What is wrong with a request, field by field."""


def read_request(body: Any) -> tuple[JobRequest, BaseModel, BaseModel]:
    """The envelope, the kind's input and its parameters. All that is wrong is told at once (422)."""
    found: list[tuple[str, FieldError]] = []
    request, problems = _validate(JobRequest, body, "")
    found += problems
    kind = KINDS.get(str(body.get("kind"))) if isinstance(body, dict) else None
    inputs: BaseModel | None = None
    params: BaseModel | None = None
    if kind is not None:
        if isinstance(body.get("input"), dict):
            inputs, problems = _validate(kind.Input, body["input"], "/input")
            found += problems
        if isinstance(body.get("params", {}), dict):
            params, problems = _validate(kind.Params, body.get("params", {}), "/params")
            found += problems
    if found or request is None or inputs is None or params is None:
        raise refusal(found)
    return request, inputs, params


def validate(model: type[Model], value: Any) -> Model:
    """The body as one model; 422 with all that is wrong otherwise."""
    found, problems = _validate(model, value, "")
    if found is None:
        raise refusal(problems)
    return found


def refusal(found: Sequence[tuple[str, FieldError]]) -> ValidationProblem:
    """One problem out of field errors and their codes: the common code, or invalid_input for a mixture."""
    codes = {code for code, _ in found}
    errors = [error for _, error in found]
    code = codes.pop() if len(codes) == 1 else "invalid_input"
    first = errors[0]
    detail = f"{first.pointer or 'The body'}: {first.detail}"
    if len(errors) > 1:
        detail += f" Further errors: {len(errors) - 1}."
    return ValidationProblem(detail[:1000], code=code, errors=errors)


def _validate(
    model: type[Model], value: Any, prefix: str
) -> tuple[Model | None, list[tuple[str, FieldError]]]:
    try:
        return model.model_validate(value), []
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        return None, [_field_error(detail, value, prefix) for detail in details]


def _field_error(error: ErrorDetails, value: Any, prefix: str) -> tuple[str, FieldError]:
    kind, message = error["type"], error["msg"]
    place = prefix + pointer(error["loc"], value, missing=kind == "missing")
    if kind == "extra_forbidden":
        name = str(error["loc"][-1])[:100]
        return "unknown_field", FieldError(pointer=place, detail=f"There is no field {name!r} here.")
    if kind == "missing":
        message = "This field is required."
    elif kind in ("model_type", "model_attributes_type", "dict_type") and not place:
        message = "The body must be a JSON object."
    message = message[:1].upper() + message[1:]
    message += "" if message.endswith((".", "…")) else "."
    return kind if kind in _OWN_CODES else "invalid_input", FieldError(pointer=place, detail=message)
