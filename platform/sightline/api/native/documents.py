"""What the OpenAPI document says about each operation."""

from collections.abc import Callable
from typing import Any, TypeVar

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from sightline import exports
from sightline.api.native import schemas
from sightline.api.native.request import SESSION_ID
from sightline.jobs.status import Status
from sightline.kinds.registry import KINDS

View = TypeVar("View", bound=Callable[..., Any])

JSON = "application/json"
_FORM = "multipart/form-data"
_PROBLEM = "application/problem+json"

CODES: dict[int, tuple[str, ...]] = {
    400: ("invalid_json", "bad_request"),
    401: ("not_authenticated",),
    403: ("kind_forbidden", "model_forbidden", "scope_missing"),
    404: ("not_found",),
    408: ("request_timeout",),
    409: ("idempotency_in_progress", "conflict", "session_busy", "stale_version"),
    410: ("output_expired",),
    413: ("body_too_large", "media_too_large"),
    415: ("unsupported_media",),
    422: (
        "invalid_input",
        "unknown_field",
        "too_many_images",
        "context_too_long",
        "deadline_unreachable",
        "nothing_matches",
        "poisoned_input",
        "idempotency_mismatch",
    ),
    429: ("quota_exceeded", "queue_full"),
    503: ("unavailable",),
}
"""The codes of each status."""


def operation(**facts: Any) -> Callable[[View], View]:
    """`extend_schema` that keeps the view's type."""
    decorate: Callable[[View], View] = extend_schema(**facts)
    return decorate


def problems(*statuses: int) -> dict[Any, OpenApiResponse]:
    return {
        (status, _PROBLEM): OpenApiResponse(
            schemas.ProblemView, description="Codes: " + ", ".join(CODES[status])
        )
        for status in (*statuses, 401, 403, 503)
    }


def _query(name: str, description: str, schema: Any = str, **more: Any) -> OpenApiParameter:
    return OpenApiParameter(name, schema, OpenApiParameter.QUERY, description=description, **more)


def _header(name: str, description: str, schema: Any = str) -> OpenApiParameter:
    return OpenApiParameter(name, schema, OpenApiParameter.HEADER, description=description)


_ID = OpenApiParameter("public_id", str, OpenApiParameter.PATH, description="The job's id, job_01J….")
_KIND = OpenApiParameter("kind", str, OpenApiParameter.PATH, enum=list(KINDS))
_MODEL = _query("model", "Model tag; left out, the default one.")
_UPLOAD_ID = "up_01JABCDEFGHJKMNPQRSTVWXYZ0"

_FORM_JOB = {
    "type": "object",
    "description": "Either the field job with the JSON, or the fields of the request, its input and its parameters"
    " by their names; images in any number of fields called image.",
    "properties": {
        "image": {"type": "array", "items": {"type": "string", "format": "binary"}},
        "job": {"type": "string", "description": "The request as JSON"},
        "kind": {"type": "string", "enum": list(KINDS)},
        "mode": {"type": "string"},
        "instruction": {"type": "string"},
        "prompt": {"type": "string"},
    },
}
_ONE_STATUS = "|".join(Status.values)
_CROCKFORD = "[0-9A-HJKMNP-TV-Z]"
JOB_ID = f"^job_[0-7]{_CROCKFORD}{{25}}$"
# Without the leap seconds and the offsets beyond a day that RFC 3339 knows and calendars do not.
MOMENT = {
    "type": "string",
    "format": "date-time",
    "pattern": r"^(19[89]\d|20\d\d)-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?Z$",
}
LIMIT = OpenApiParameter(
    "limit",
    {"type": "integer", "minimum": 1, "maximum": 200, "default": 50},
    OpenApiParameter.QUERY,
    description="Most jobs of a page.",
)
_JOB_EXAMPLES = [
    OpenApiExample(
        "ocr",
        {
            "kind": "ocr",
            "input": {"mode": "text", "images": [{"upload_id": _UPLOAD_ID}]},
            "tags": ["nightly"],
        },
        request_only=True,
        media_type=JSON,
    ),
    OpenApiExample(
        "gui",
        {
            "kind": "gui",
            "input": {
                "tool": "computer_use",
                "instruction": "Save the file",
                "images": [{"data": "data:image/png;base64,iVBORw0KGgo="}],
                "history": ["Opened the editor"],
            },
            "params": {"max_tokens": 512, "temperature": 0},
            "deadline_ms": 15000,
        },
        request_only=True,
        media_type=JSON,
    ),
    OpenApiExample(
        "chat",
        {"kind": "chat", "input": {"prompt": "What is shown?", "images": [{"upload_id": _UPLOAD_ID}]}},
        request_only=True,
        media_type=JSON,
    ),
]

_ACCEPTED = {
    "oneOf": [{"$ref": "#/components/schemas/JobAccepted"}, {"$ref": "#/components/schemas/JobView"}]
}
_IDEMPOTENCY_KEY = _header(
    "Idempotency-Key",
    "Names the request: sent again, it gets the first answer. Kept for 24 hours.",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]*$"},
)
_PREFER = _header("Prefer", "`wait=N` holds the answer for up to N seconds until the job ends.")

create = operation(
    operation_id="createJob",
    summary="Submit a job",
    tags=["jobs"],
    request={JSON: schemas.NewJob, _FORM: _FORM_JOB},
    parameters=[_IDEMPOTENCY_KEY, _PREFER],
    examples=_JOB_EXAMPLES,
    responses={
        (200, JSON): OpenApiResponse(
            schemas.JobView, description="It ended within Prefer: wait, or out of the cache."
        ),
        (202, JSON): OpenApiResponse(_ACCEPTED, description="Accepted and kept. Location names the job."),
        **problems(400, 408, 409, 413, 415, 422, 429),
    },
)
_FILTERS = [
    _query("kind", "Only this kind.", enum=list(KINDS)),
    _query(
        "status",
        "Only these, between commas.",
        {"type": "string", "pattern": f"^({_ONE_STATUS})(,({_ONE_STATUS}))*$"},
    ),
    _query("tag", "Only jobs with this tag."),
    _query("model", "Only this model tag."),
    _query(
        "session",
        "Only jobs that went on from this session.",
        {"type": "string", "pattern": SESSION_ID},
    ),
    _query(
        "fingerprint",
        "Only jobs of which an attempt failed for this cause; an attempt's error shows it.",
        {"type": "string", "pattern": "^[0-9a-f]{16}$"},
    ),
    _query("created_after", "Later than this time.", MOMENT),
    _query("created_before", "Earlier than this time.", MOMENT),
    _query(
        "search", 'As the admin\'s search box takes it: kind:ocr error:"out of memory" -status:succeeded.'
    ),
]
listing = operation(
    operation_id="listJobs",
    summary="List jobs, newest first",
    tags=["jobs"],
    parameters=[
        *_FILTERS,
        _query("cursor", "next_cursor of the page before.", {"type": "string", "pattern": JOB_ID}),
        LIMIT,
    ],
    responses={(200, JSON): schemas.JobList, **problems(422)},
)
export = operation(
    operation_id="exportJobs",
    summary="All jobs that the filters find, as one file",
    description="Newest first, sent while it is read. CSV has a line a job; a line of JSON holds what the list shows,"
    " with usage and times.",
    tags=["jobs"],
    parameters=[
        *_FILTERS,
        _query("cursor", "Go on after this job.", {"type": "string", "pattern": JOB_ID}),
        _query("format", "By default jsonl.", enum=list(exports.FORMATS)),
    ],
    responses={
        (200, "application/jsonl"): {"type": "string"},
        (200, "text/csv"): {"type": "string"},
        **problems(422),
    },
)
read = operation(
    operation_id="getJob",
    summary="Read a job, or wait for it",
    tags=["jobs"],
    parameters=[
        _ID,
        _query(
            "wait",
            "Seconds, 300 at most: hold the answer until the job ends or they passed.",
            {"type": "number", "minimum": 0},
        ),
        _header("If-None-Match", "The ETag of an earlier answer: 304 when nothing changed."),
    ],
    responses={
        (200, JSON): schemas.JobView,
        304: OpenApiResponse(description="Not modified."),
        **problems(404, 410, 422),
    },
)
erase = operation(
    operation_id="eraseJob",
    summary="Erase input and output of an ended job",
    tags=["jobs"],
    parameters=[_ID],
    responses={204: OpenApiResponse(description="Erased; a tombstone stays."), **problems(404, 409)},
)
_BECAUSE = [OpenApiExample("why", {"reason": "The customer has left"}, request_only=True)]
_ACT = (400, 404, 408, 413, 415, 422)
cancel = operation(
    operation_id="cancelJob",
    summary="Cancel a job",
    tags=["jobs"],
    parameters=[_ID],
    request={JSON: schemas.Reason},
    examples=_BECAUSE,
    responses={
        (200, JSON): OpenApiResponse(schemas.JobView, description="It has ended."),
        (202, JSON): OpenApiResponse(schemas.JobView, description="It ran; the engine is told to stop."),
        **problems(*_ACT),
    },
)
retry = operation(
    operation_id="retryJob",
    summary="Run an ended job once more, perhaps with another input",
    description="With fresh tries. What the body says replaces what it was asked; a replay makes a new job instead.",
    tags=["jobs"],
    parameters=[_ID],
    request={JSON: schemas.Retry},
    examples=[
        OpenApiExample(
            "another instruction", {"input": {"instruction": "Close the window"}}, request_only=True
        )
    ],
    responses={(202, JSON): schemas.JobAccepted, **problems(400, 404, 408, 409, 410, 413, 415, 422)},
)
expire = operation(
    operation_id="expireJob",
    summary="End a job as expired, before its deadline",
    description="Harmless when it has ended already.",
    tags=["jobs"],
    parameters=[_ID],
    request={JSON: schemas.Reason},
    examples=_BECAUSE,
    responses={
        (200, JSON): OpenApiResponse(schemas.JobView, description="It has ended."),
        (202, JSON): OpenApiResponse(schemas.JobView, description="It ran; the engine is told to stop."),
        **problems(*_ACT),
    },
)
move = operation(
    operation_id="moveJob",
    summary="Change whose seats a waiting job takes",
    tags=["jobs"],
    parameters=[_ID],
    request={JSON: schemas.Move},
    examples=[OpenApiExample("in front", {"seats": "gui"}, request_only=True)],
    responses={(200, JSON): schemas.JobView, **problems(*_ACT, 409)},
)
quarantine = operation(
    operation_id="quarantineJob",
    summary="End a job and refuse its images from now on (scope admin)",
    tags=["jobs"],
    parameters=[_ID],
    request={JSON: schemas.Reason},
    examples=_BECAUSE,
    responses={(200, JSON): schemas.JobView, **problems(*_ACT, 409)},
)
release = operation(
    operation_id="releaseJob",
    summary="Accept the images of a quarantined job again and run it once more, alone (scope admin)",
    tags=["jobs"],
    parameters=[_ID],
    request={JSON: schemas.Reason},
    examples=_BECAUSE,
    responses={(202, JSON): schemas.JobAccepted, **problems(*_ACT, 409, 410)},
)
replay = operation(
    operation_id="replayJob",
    summary="Make a new job from an old one",
    description="The old one may stand anywhere in its life. What the body says replaces what the old one had: the"
    " model, single fields of its input and its parameters. `replay_of` of the new job names the old one.",
    tags=["jobs"],
    parameters=[_ID, _IDEMPOTENCY_KEY, _PREFER],
    request={JSON: schemas.Replay},
    examples=[
        OpenApiExample(
            "another pixel budget",
            {"params": {"pixels": {"max": 1048576}}, "input": {"instruction": "Close the window"}},
            request_only=True,
        )
    ],
    responses={
        (200, JSON): OpenApiResponse(schemas.JobView, description="It ended within Prefer: wait."),
        (202, JSON): OpenApiResponse(_ACCEPTED, description="Accepted and kept. Location names the job."),
        **problems(400, 404, 408, 409, 410, 413, 415, 422, 429),
    },
)
explain = operation(
    operation_id="explainJob",
    summary="Why a job waits",
    tags=["jobs"],
    parameters=[_ID],
    responses={(200, JSON): schemas.Explanation, **problems(404, 410)},
)
media = operation(
    operation_id="getJobImage",
    summary="An image of a job, as the engine gets it",
    tags=["jobs"],
    parameters=[
        _ID,
        OpenApiParameter("index", int, OpenApiParameter.PATH, description="In prompt order, from 0."),
    ],
    responses={(200, "image/*"): bytes, **problems(404, 410)},
)
upload = operation(
    operation_id="createUpload",
    summary="Upload an image",
    tags=["uploads"],
    description="The bytes as the body, or as the field image of a form. The same bytes are kept once.",
    request={
        "image/*": bytes,
        _FORM: {
            "type": "object",
            "properties": {"image": {"type": "string", "format": "binary"}},
            "required": ["image"],
        },
    },
    responses={(201, JSON): schemas.Upload, **problems(400, 408, 413, 415, 422)},
)
queue = operation(
    operation_id="getQueue",
    summary="What waits and runs in a queue",
    tags=["queues"],
    parameters=[_KIND, _MODEL],
    responses={(200, JSON): schemas.QueueState, **problems(404)},
)
_WHY = {"type": "string", "maxLength": 500, "description": "For the audit's record."}
queue_patch = operation(
    operation_id="patchQueue",
    summary="Pause (drain) or resume a queue (scope admin)",
    description="Paused, what runs ends and nothing new starts; jobs are accepted and wait. It is drained once"
    " `in_flight` is 0.",
    tags=["queues"],
    parameters=[_KIND, _MODEL],
    request={
        JSON: {
            "type": "object",
            "properties": {
                "paused": {"type": "boolean"},
                "drained": {"type": "boolean", "description": "Another word for paused, as of a group."},
                "reason": _WHY,
            },
            "oneOf": [{"required": ["paused"]}, {"required": ["drained"]}],
            "additionalProperties": False,
        }
    },
    examples=[
        OpenApiExample("pause", {"paused": True}, request_only=True),
        OpenApiExample(
            "drain", {"drained": True, "reason": "The scanner is being mended"}, request_only=True
        ),
    ],
    responses={(200, JSON): schemas.QueueState, **problems(400, 404, 415, 422)},
)
_GROUP = OpenApiParameter("group_id", str, OpenApiParameter.PATH, description="As listed: `gpu0@host`.")
groups = operation(
    operation_id="listGroups",
    summary="The GPU groups (scope admin)",
    tags=["queues"],
    responses={(200, JSON): schemas.GroupList, **problems()},
)
group = operation(
    operation_id="getGroup",
    summary="One GPU group (scope admin)",
    tags=["queues"],
    parameters=[_GROUP],
    responses={(200, JSON): schemas.GroupState, **problems(404)},
)
group_patch = operation(
    operation_id="patchGroup",
    summary="Drain a GPU group or let it work again, or change its seats (scope admin)",
    tags=["queues"],
    parameters=[_GROUP],
    request={
        JSON: {
            "type": "object",
            "properties": {
                "drained": {"type": "boolean"},
                "seats": {
                    "type": "object",
                    "description": "Seats by kind; null: as many as it was started with.",
                    "additionalProperties": {"type": ["integer", "null"], "minimum": 0},
                },
                "reason": _WHY,
            },
            "anyOf": [{"required": ["drained"]}, {"required": ["seats"]}],
            "additionalProperties": False,
        }
    },
    examples=[
        OpenApiExample("drain", {"drained": True}, request_only=True),
        OpenApiExample("seats", {"seats": {"gui": 24, "ocr": 56}}, request_only=True),
    ],
    responses={(200, JSON): schemas.GroupState, **problems(400, 404, 415, 422)},
)
