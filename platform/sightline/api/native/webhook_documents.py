"""What the OpenAPI document says about webhooks."""

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse

from sightline.api.native import webhook_schemas as schemas
from sightline.api.native.documents import JSON, operation, problems
from sightline.webhooks.models import DeliveryState

_TAGS = ["webhooks"]
_ENDPOINT = OpenApiParameter(
    "public_id", str, OpenApiParameter.PATH, description="The endpoint's id, whe_01J…."
)
_DELIVERY = OpenApiParameter(
    "public_id", str, OpenApiParameter.PATH, description="The delivery's id, msg_01J…."
)

endpoints = operation(
    operation_id="listWebhookEndpoints",
    summary="List webhook endpoints",
    description="The one without a url signs what goes to the addresses that single jobs name.",
    tags=_TAGS,
    responses={(200, JSON): schemas.EndpointList, **problems()},
)
create = operation(
    operation_id="createWebhookEndpoint",
    summary="Register an address that is told of the end of jobs",
    description="Messages follow Standard Webhooks 1.0: verify `webhook-signature` with the secret.",
    tags=_TAGS,
    request={JSON: schemas.NewEndpoint},
    examples=[
        OpenApiExample(
            "failures",
            {"url": "https://example.com/hooks/sightline", "events": ["job.failed", "job.quarantined"]},
            request_only=True,
        )
    ],
    responses={(201, JSON): schemas.EndpointWithSecret, **problems(400, 409, 413, 415, 422)},
)
endpoint = operation(
    operation_id="getWebhookEndpoint",
    summary="Read a webhook endpoint",
    tags=_TAGS,
    parameters=[_ENDPOINT],
    responses={(200, JSON): schemas.EndpointView, **problems(404)},
)
change = operation(
    operation_id="patchWebhookEndpoint",
    summary="Change, disable or enable a webhook endpoint",
    tags=_TAGS,
    parameters=[_ENDPOINT],
    request={JSON: schemas.EndpointPatch},
    examples=[OpenApiExample("enable", {"disabled": False}, request_only=True)],
    responses={(200, JSON): schemas.EndpointView, **problems(400, 404, 413, 415, 422)},
)
delete = operation(
    operation_id="deleteWebhookEndpoint",
    summary="Delete a webhook endpoint and its log",
    tags=_TAGS,
    parameters=[_ENDPOINT],
    responses={204: OpenApiResponse(description="Deleted."), **problems(404, 422)},
)
secret = operation(
    operation_id="getWebhookSecret",
    summary="Read the signing secret of a webhook endpoint",
    tags=_TAGS,
    parameters=[_ENDPOINT],
    responses={(200, JSON): schemas.SecretView, **problems(404)},
)
rotate = operation(
    operation_id="rotateWebhookSecret",
    summary="Give a webhook endpoint a new secret",
    description="For a day messages carry a signature by the previous secret as well.",
    tags=_TAGS,
    parameters=[_ENDPOINT],
    request=None,
    responses={(200, JSON): schemas.SecretView, **problems(404)},
)
deliveries = operation(
    operation_id="listWebhookDeliveries",
    summary="List the deliveries of a webhook endpoint",
    tags=_TAGS,
    parameters=[
        _ENDPOINT,
        OpenApiParameter(
            "state", str, OpenApiParameter.QUERY, enum=DeliveryState.values, description="Only this."
        ),
        OpenApiParameter(
            "cursor", str, OpenApiParameter.QUERY, description="next_cursor of the page before."
        ),
        OpenApiParameter("limit", int, OpenApiParameter.QUERY, description="1 to 200, by default 50."),
    ],
    responses={(200, JSON): schemas.DeliveryList, **problems(404, 422)},
)
delivery = operation(
    operation_id="getWebhookDelivery",
    summary="Read a delivery and its attempts",
    tags=_TAGS,
    parameters=[_DELIVERY],
    responses={(200, JSON): schemas.DeliveryView, **problems(404)},
)
redeliver = operation(
    operation_id="redeliverWebhook",
    summary="Send a message once more, under its id",
    tags=_TAGS,
    parameters=[_DELIVERY],
    request=None,
    responses={(202, JSON): schemas.DeliveryView, **problems(404, 409)},
)
