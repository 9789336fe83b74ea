"""What the OpenAPI document says about alerts."""

from drf_spectacular.utils import OpenApiExample, OpenApiParameter

from sightline.alerts.models import AlertState
from sightline.api.native import alert_schemas as schemas
from sightline.api.native.documents import JSON, operation, problems

_TAGS = ["alerts"]
_RULE = OpenApiParameter("rule_id", str, OpenApiParameter.PATH, description="The rule's id, rule_01J….")
_CHANNEL = OpenApiParameter(
    "channel_id", str, OpenApiParameter.PATH, description="The channel's id, channel_01J…."
)

alerts = operation(
    operation_id="listAlerts",
    summary="List the latest alerts",
    tags=_TAGS,
    parameters=[
        OpenApiParameter("state", str, OpenApiParameter.QUERY, enum=list(AlertState.values)),
        OpenApiParameter(
            "limit",
            {"type": "integer", "minimum": 1, "maximum": 200, "default": 50},
            OpenApiParameter.QUERY,
        ),
    ],
    responses={(200, JSON): schemas.AlertList, **problems(422)},
)
rules = operation(
    operation_id="listAlertRules",
    summary="List the rules",
    tags=_TAGS,
    responses={(200, JSON): schemas.RuleList, **problems()},
)
create_rule = operation(
    operation_id="createAlertRule",
    summary="Make a rule",
    tags=_TAGS,
    request={JSON: schemas.NewRule},
    examples=[
        OpenApiExample(
            "age",
            {"name": "gui waits too long", "metric": "oldest_age_s", "scope": "gui", "threshold": 30},
            request_only=True,
        )
    ],
    responses={(201, JSON): schemas.RuleView, **problems(400, 409, 413, 415, 422)},
)
rule = operation(
    operation_id="getAlertRule",
    summary="Read a rule",
    tags=_TAGS,
    parameters=[_RULE],
    responses={(200, JSON): schemas.RuleView, **problems(404)},
)
change_rule = operation(
    operation_id="changeAlertRule",
    summary="Change a rule",
    tags=_TAGS,
    parameters=[_RULE],
    request={JSON: schemas.RulePatch},
    responses={(200, JSON): schemas.RuleView, **problems(400, 404, 409, 413, 415, 422)},
)
delete_rule = operation(
    operation_id="deleteAlertRule",
    summary="Delete a rule with its history",
    tags=_TAGS,
    parameters=[_RULE],
    responses={204: None, **problems(404)},
)
mute = operation(
    operation_id="muteAlertRule",
    summary="Tell nobody for some hours",
    description="Alerts go on firing and resolving. One that still fires when the mute ends is told then.",
    tags=_TAGS,
    parameters=[_RULE],
    request={JSON: schemas.Mute},
    responses={(200, JSON): schemas.RuleView, **problems(400, 404, 413, 415, 422)},
)
test = operation(
    operation_id="testAlertRule",
    summary="Send each channel of a rule a message that says that it is a test",
    tags=_TAGS,
    parameters=[_RULE],
    request=None,
    responses={(202, JSON): schemas.TestSent, **problems(404, 409)},
)
channels = operation(
    operation_id="listAlertChannels",
    summary="List the channels",
    tags=_TAGS,
    responses={(200, JSON): schemas.ChannelList, **problems()},
)
create_channel = operation(
    operation_id="createAlertChannel",
    summary="Make a channel",
    description="Webhooks follow Standard Webhooks; the secret is told now.",
    tags=_TAGS,
    request={JSON: schemas.NewChannel},
    responses={(201, JSON): schemas.ChannelWithSecret, **problems(400, 409, 413, 415, 422)},
)
change_channel = operation(
    operation_id="changeAlertChannel",
    summary="Switch a channel on or off",
    tags=_TAGS,
    parameters=[_CHANNEL],
    request={JSON: schemas.ChannelPatch},
    responses={(200, JSON): schemas.ChannelView, **problems(400, 404, 413, 415, 422)},
)
delete_channel = operation(
    operation_id="deleteAlertChannel",
    summary="Delete a channel with its log",
    tags=_TAGS,
    parameters=[_CHANNEL],
    responses={204: None, **problems(404)},
)
