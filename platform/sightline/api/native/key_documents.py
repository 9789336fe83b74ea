"""What the OpenAPI document says about keys and quotas."""

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse

from sightline.api.native import key_schemas as schemas
from sightline.api.native.documents import JSON, operation, problems

_TAGS = ["keys"]
_ID = OpenApiParameter(
    "public_id",
    str,
    OpenApiParameter.PATH,
    description="The key's id, key_01J…, or self for the key that asks.",
)

keys = operation(
    operation_id="listKeys",
    summary="List the tenant's keys (scope admin)",
    tags=_TAGS,
    responses={(200, JSON): schemas.KeyList, **problems()},
)
create = operation(
    operation_id="createKey",
    summary="Make a key of the tenant (scope admin)",
    tags=_TAGS,
    request={JSON: schemas.NewKey},
    examples=[
        OpenApiExample(
            "scanner", {"name": "scanner", "kinds": ["ocr"], "scopes": ["submit"]}, request_only=True
        )
    ],
    responses={(201, JSON): schemas.KeyWithText, **problems(400, 408, 413, 415, 422)},
)
key = operation(
    operation_id="getKey",
    summary="Read a key; `self` needs no scope",
    tags=_TAGS,
    parameters=[_ID],
    responses={(200, JSON): schemas.KeyView, **problems(404)},
)
revoke = operation(
    operation_id="revokeKey",
    summary="Refuse a key from now on (scope admin)",
    tags=_TAGS,
    parameters=[_ID],
    responses={204: OpenApiResponse(description="Revoked."), **problems(404)},
)
rotate = operation(
    operation_id="rotateKey",
    summary="Replace a key; `self` needs no scope",
    description="The new key has the same rights. Both work until the overlap ends, a day unless the body says else.",
    tags=_TAGS,
    parameters=[_ID],
    request={JSON: schemas.Rotation},
    examples=[OpenApiExample("an hour", {"overlap_s": 3600}, request_only=True)],
    responses={(201, JSON): schemas.KeyWithText, **problems(400, 404, 408, 409, 413, 415, 422)},
)
quotas = operation(
    operation_id="listQuotas",
    summary="The tenant's quotas and how much of them is used",
    tags=_TAGS,
    responses={(200, JSON): schemas.QuotaList, **problems()},
)
