"""The native API, below `/api/v1/`."""

from django.urls import path

from sightline.api.native.actions import (
    CancelView,
    ExpireView,
    ExplainView,
    JobMediaView,
    MoveView,
    QuarantineView,
    ReleaseView,
    RetryView,
)
from sightline.api.native.alerts import (
    AlertsView,
    ChannelsView,
    ChannelView,
    RuleMuteView,
    RulesView,
    RuleTestView,
    RuleView,
)
from sightline.api.native.batch_events import BatchEventsView
from sightline.api.native.bulk import BulkItemsView, BulkRunView, BulkStopView, BulksView, BulkView
from sightline.api.native.comparison import CompareView
from sightline.api.native.events import EventsView
from sightline.api.native.export import ExportView
from sightline.api.native.groups import GroupsView, GroupView
from sightline.api.native.jobs import JobsView, JobView
from sightline.api.native.keys import KeysView, KeyView, QuotasView, RotateKeyView
from sightline.api.native.near import NearView
from sightline.api.native.queues import QueueView
from sightline.api.native.replay import ReplayView
from sightline.api.native.sessions import SessionsView, SessionView, StepsView, StepView
from sightline.api.native.uploads import UploadsView
from sightline.api.native.webhooks import (
    DeliveriesView,
    DeliveryView,
    EndpointsView,
    EndpointView,
    RedeliverView,
    RotateSecretView,
    SecretView,
)

urlpatterns = [
    path("jobs", JobsView.as_view(), name="jobs"),
    path("jobs/export", ExportView.as_view(), name="jobs-export"),
    path("jobs/<str:public_id>", JobView.as_view(), name="job"),
    path("jobs/<str:public_id>/cancel", CancelView.as_view(), name="job-cancel"),
    path("jobs/<str:public_id>/expire", ExpireView.as_view(), name="job-expire"),
    path("jobs/<str:public_id>/move", MoveView.as_view(), name="job-move"),
    path("jobs/<str:public_id>/quarantine", QuarantineView.as_view(), name="job-quarantine"),
    path("jobs/<str:public_id>/release", ReleaseView.as_view(), name="job-release"),
    path("jobs/<str:public_id>/retry", RetryView.as_view(), name="job-retry"),
    path("jobs/<str:public_id>/replay", ReplayView.as_view(), name="job-replay"),
    path("jobs/<str:public_id>/compare", CompareView.as_view(), name="job-compare"),
    path("jobs/<str:public_id>/explain", ExplainView.as_view(), name="job-explain"),
    path("jobs/<str:public_id>/events", EventsView.as_view(), name="job-events"),
    path("jobs/<str:public_id>/media/<int:index>", JobMediaView.as_view(), name="job-media"),
    path("batches/<str:batch_id>/events", BatchEventsView.as_view(), name="batch-events"),
    path("sessions", SessionsView.as_view(), name="sessions"),
    path("sessions/<str:public_id>", SessionView.as_view(), name="session"),
    path("sessions/<str:public_id>/steps", StepsView.as_view(), name="session-steps"),
    path("sessions/<str:public_id>/steps/<int:number>", StepView.as_view(), name="session-step"),
    path("uploads", UploadsView.as_view(), name="uploads"),
    path("queues/<str:kind>", QueueView.as_view(), name="queue"),
    path("near-cache/<str:kind>", NearView.as_view(), name="near-cache"),
    path("keys", KeysView.as_view(), name="keys"),
    path("keys/<str:public_id>", KeyView.as_view(), name="key"),
    path("keys/<str:public_id>/rotate", RotateKeyView.as_view(), name="key-rotate"),
    path("quotas", QuotasView.as_view(), name="quotas"),
    path("groups", GroupsView.as_view(), name="groups"),
    path("groups/<str:group_id>", GroupView.as_view(), name="group"),
    path("bulk", BulksView.as_view(), name="bulks"),
    path("bulk/<str:public_id>", BulkView.as_view(), name="bulk"),
    path("bulk/<str:public_id>/run", BulkRunView.as_view(), name="bulk-run"),
    path("bulk/<str:public_id>/stop", BulkStopView.as_view(), name="bulk-stop"),
    path("bulk/<str:public_id>/items", BulkItemsView.as_view(), name="bulk-items"),
    path("alerts", AlertsView.as_view(), name="alerts"),
    path("alert-rules", RulesView.as_view(), name="alert-rules"),
    path("alert-rules/<str:rule_id>", RuleView.as_view(), name="alert-rule"),
    path("alert-rules/<str:rule_id>/mute", RuleMuteView.as_view(), name="alert-rule-mute"),
    path("alert-rules/<str:rule_id>/test", RuleTestView.as_view(), name="alert-rule-test"),
    path("alert-channels", ChannelsView.as_view(), name="alert-channels"),
    path("alert-channels/<str:channel_id>", ChannelView.as_view(), name="alert-channel"),
    path("webhook-endpoints", EndpointsView.as_view(), name="webhook-endpoints"),
    path("webhook-endpoints/<str:public_id>", EndpointView.as_view(), name="webhook-endpoint"),
    path("webhook-endpoints/<str:public_id>/secret", SecretView.as_view(), name="webhook-secret"),
    path(
        "webhook-endpoints/<str:public_id>/rotate-secret", RotateSecretView.as_view(), name="webhook-rotate"
    ),
    path("webhook-endpoints/<str:public_id>/deliveries", DeliveriesView.as_view(), name="webhook-log"),
    path("webhook-deliveries/<str:public_id>", DeliveryView.as_view(), name="webhook-delivery"),
    path("webhook-deliveries/<str:public_id>/redeliver", RedeliverView.as_view(), name="webhook-redeliver"),
]
