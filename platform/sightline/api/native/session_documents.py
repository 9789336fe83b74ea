"""What the OpenAPI document says about sessions."""

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse

from sightline.api.native import session_schemas as schemas
from sightline.api.native.documents import JSON, LIMIT, operation, problems
from sightline.api.native.request import SESSION_ID

_TAGS = ["sessions"]
_ID = OpenApiParameter("public_id", str, OpenApiParameter.PATH, description="The session's id, ses_01J….")
_VERSION = OpenApiParameter(
    "version",
    {"type": "integer", "minimum": 0, "maximum": 2**31 - 1},
    OpenApiParameter.QUERY,
    description="The version that you change: 409 when it is another one by now.",
)
_BODY = (400, 404, 408, 409, 410, 413, 415, 422)

sessions = operation(
    operation_id="listSessions",
    summary="List sessions, newest first",
    tags=_TAGS,
    parameters=[
        OpenApiParameter("kind", str, OpenApiParameter.QUERY, enum=["chat", "gui"]),
        OpenApiParameter(
            "cursor",
            {"type": "string", "pattern": SESSION_ID},
            OpenApiParameter.QUERY,
            description="next_cursor of the page before.",
        ),
        LIMIT,
    ],
    responses={(200, JSON): schemas.SessionList, **problems(422)},
)
create = operation(
    operation_id="createSession",
    summary="Make a session: a history that jobs go on from",
    description="A job that names it (`session`) gets its history, as much of it as the model's context holds, and adds"
    " to it when it succeeds. One job at a time goes on from a session: another one is refused with `session_busy`,"
    " and one that names an older version with `stale_version`.",
    tags=_TAGS,
    request={JSON: schemas.NewSession},
    examples=[
        OpenApiExample(
            "dialogue", {"kind": "chat", "system": "Answer in one sentence.", "metadata": {"user": "4711"}},
            request_only=True,
        ),
        OpenApiExample("agent", {"kind": "gui", "history": ["Opened the editor"]}, request_only=True),
    ],
    responses={(201, JSON): schemas.SessionView, **problems(400, 408, 413, 415, 422)},
)  # fmt: skip
read = operation(
    operation_id="getSession",
    summary="Read a session",
    tags=_TAGS,
    parameters=[_ID],
    responses={(200, JSON): schemas.SessionView, **problems(404, 410)},
)
change = operation(
    operation_id="changeSession",
    summary="Change a session's system message, metadata or retention",
    tags=_TAGS,
    parameters=[_ID],
    request={JSON: schemas.SessionChange},
    examples=[
        OpenApiExample("system", {"version": 3, "system": "Answer in German."}, request_only=True),
    ],
    responses={(200, JSON): schemas.SessionView, **problems(*_BODY)},
)
erase = operation(
    operation_id="eraseSession",
    summary="Erase a session",
    description="Its history, and input and output of its jobs, which hold copies of it.",
    tags=_TAGS,
    parameters=[_ID],
    responses={204: OpenApiResponse(description="Erased; a tombstone stays."), **problems(404, 409)},
)
steps = operation(
    operation_id="listSessionSteps",
    summary="The history of a session, oldest first",
    tags=_TAGS,
    parameters=[
        _ID,
        OpenApiParameter(
            "cursor",
            {"type": "string", "pattern": r"^\d{1,9}$"},
            OpenApiParameter.QUERY,
            description="next_cursor of the page before.",
        ),
        LIMIT,
    ],
    responses={(200, JSON): schemas.StepList, **problems(404, 410, 422)},
)
add_step = operation(
    operation_id="addSessionStep",
    summary="Add to a history without a job",
    tags=_TAGS,
    parameters=[_ID],
    request={JSON: schemas.NewStep},
    examples=[
        OpenApiExample("agent", {"version": 2, "history": ["Logged in by hand"]}, request_only=True),
        OpenApiExample(
            "dialogue",
            {"messages": [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hello."}]},
            request_only=True,
        ),
    ],
    responses={(201, JSON): schemas.StepView, **problems(*_BODY)},
)
_NUMBER = OpenApiParameter(
    "number", {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}, OpenApiParameter.PATH
)
step = operation(
    operation_id="getSessionStep",
    summary="Read one step of a session",
    tags=_TAGS,
    parameters=[_ID, _NUMBER],
    responses={(200, JSON): schemas.StepView, **problems(404, 410)},
)
rewind = operation(
    operation_id="rewindSession",
    summary="Take back a step and all that came after it",
    tags=_TAGS,
    parameters=[
        _ID,
        _NUMBER,
        _VERSION,
    ],
    responses={(200, JSON): schemas.SessionView, **problems(404, 409, 410, 422)},
)
