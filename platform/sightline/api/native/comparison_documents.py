"""What the OpenAPI document says about comparing two jobs."""

from drf_spectacular.utils import OpenApiParameter

from sightline.api.native import comparison_schemas as schemas
from sightline.api.native.documents import JOB_ID, JSON, operation, problems

compare = operation(
    operation_id="compareJobs",
    summary="Compare a job with another one of its kind",
    description="A replay with its original, most of all: how far apart the clicks are, how well boxes agree (IoU),"
    " the character error rate and a difference by words, tokens and times. The job of the path is the first one.",
    tags=["jobs"],
    parameters=[
        OpenApiParameter(
            "public_id", str, OpenApiParameter.PATH, description="The first job's id, job_01J…."
        ),
        OpenApiParameter(
            "with",
            {"type": "string", "pattern": JOB_ID},
            OpenApiParameter.QUERY,
            required=True,
            description="The second job's id.",
        ),
    ],
    responses={(200, JSON): schemas.ComparisonView, **problems(404, 410, 422)},
)
