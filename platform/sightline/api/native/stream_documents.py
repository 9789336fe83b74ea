"""What the OpenAPI document says about event streams."""

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

from sightline.api.native.documents import operation, problems

_TEXT = (
    "Server-sent events; `id` is a number that grows, `data` is JSON. `job.queued` (with the place in the queue),"
    " `job.prepared`, `job.started`, `job.progress` {phase, done, total, unit} (images fetched, pages read; only of"
    " several), `output.delta` {index, label, text} (with `tool_calls` where it belongs to a tool call: OpenAI's"
    " pieces, id and name in a call's first one), `output.item` {type, index, item} (a page, an action or a tool"
    " call once it is complete, as it stands in the output), `job.attempt_failed`, `output.reset`"
    " {reason, texts, items, tool_calls, output}: what was streamed before is void, the text of every call to the"
    " engine so far is `texts`, what `output.item` told is `items`, and `tool_calls` are those so far (or the whole"
    " result is `output`), and exactly one terminal `job.<status>` with output, usage and error. A comment"
    ' every 15 seconds keeps the connection alive. Any job can be streamed; a job submitted with `"stream": true`'
    " streams from its first token."
)

_RESUMED = [
    OpenApiParameter(
        "starting_after", int, OpenApiParameter.QUERY, description="Only events after this number."
    ),
    OpenApiParameter(
        "Last-Event-ID", str, OpenApiParameter.HEADER, description="The same, as an EventSource sends it."
    ),
]
_BATCH_TEXT = (
    "Server-sent events; `id` is a number that grows, `data` is the batch as `GET /v1/batches/{id}` shows it, with its"
    " `request_counts`. `batch.progress` comes when lines have ended or the status has changed (about once a second"
    " while many end), and exactly one of `batch.completed`, `batch.failed`, `batch.expired` and `batch.cancelled` at"
    " the end. Each event is the whole batch: who comes back later misses nothing. A comment every 15 seconds keeps"
    " the connection alive."
)

events = operation(
    operation_id="streamJob",
    summary="Follow a job",
    description=_TEXT,
    tags=["jobs"],
    parameters=[
        OpenApiParameter("public_id", str, OpenApiParameter.PATH, description="The job's id, job_01J…."),
        *_RESUMED,
    ],
    responses={
        (200, "text/event-stream"): OpenApiResponse(str, description="The events."),
        204: OpenApiResponse(description="The client has all events of this job: do not come back."),
        **problems(404, 410, 422),
    },
)
batch_events = operation(
    operation_id="streamBatch",
    summary="Follow a batch",
    description=_BATCH_TEXT,
    tags=["batches"],
    parameters=[
        OpenApiParameter("batch_id", str, OpenApiParameter.PATH, description="The batch's id, batch_01J…."),
        *_RESUMED,
    ],
    responses={
        (200, "text/event-stream"): OpenApiResponse(str, description="The events."),
        204: OpenApiResponse(description="The client has all events of this batch: do not come back."),
        **problems(404, 422),
    },
)
