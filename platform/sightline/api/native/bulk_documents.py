"""What the OpenAPI document says about bulk acts."""

from drf_spectacular.utils import OpenApiExample, OpenApiParameter

from sightline.api.native import bulk_schemas as schemas
from sightline.api.native.documents import JSON, operation, problems
from sightline.triage.models import ItemState

_TAGS = ["bulk"]
_BULK = OpenApiParameter("public_id", str, OpenApiParameter.PATH, description="The act's id, blk_01J….")

bulks = operation(
    operation_id="listBulk",
    summary="List the latest bulk acts",
    tags=_TAGS,
    responses={(200, JSON): schemas.BulkList, **problems()},
)
create = operation(
    operation_id="createBulk",
    summary="Choose jobs for a bulk act: the dry run",
    description="The selection is frozen: jobs that match later are not touched. Nothing is done before `/run`."
    " quarantine and release need the scope admin, as for one job.",
    tags=_TAGS,
    request={JSON: schemas.NewBulk},
    examples=[
        OpenApiExample(
            "retry",
            {"action": "retry", "search": 'kind:ocr status:failed error:"out of memory"'},
            request_only=True,
        )
    ],
    responses={(201, JSON): schemas.BulkView, **problems(400, 413, 415, 422)},
)
bulk = operation(
    operation_id="getBulk",
    summary="Read a bulk act and its progress",
    tags=_TAGS,
    parameters=[_BULK],
    responses={(200, JSON): schemas.BulkView, **problems(404)},
)
items = operation(
    operation_id="listBulkItems",
    summary="List the jobs of a bulk act",
    tags=_TAGS,
    parameters=[
        _BULK,
        OpenApiParameter("state", str, OpenApiParameter.QUERY, enum=list(ItemState.values)),
        OpenApiParameter("limit", int, OpenApiParameter.QUERY, description="1 to 200, by default 50."),
        OpenApiParameter(
            "cursor", str, OpenApiParameter.QUERY, description="next_cursor of the page before."
        ),
    ],
    responses={(200, JSON): schemas.BulkItems, **problems(404, 422)},
)
run = operation(
    operation_id="runBulk",
    summary="Start a bulk act, or let a halted one go on",
    description="A retry or release runs three jobs first; the others follow when those succeed.",
    tags=_TAGS,
    parameters=[_BULK],
    request=None,
    responses={(202, JSON): schemas.BulkView, **problems(404, 409)},
)
stop = operation(
    operation_id="stopBulk",
    summary="Stop a bulk act",
    description="What was done stays done. Harmless when it has ended.",
    tags=_TAGS,
    parameters=[_BULK],
    request=None,
    responses={(200, JSON): schemas.BulkView, **problems(404)},
)
