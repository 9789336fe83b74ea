"""The native API, below `/api/v1/`."""

from django.urls import path

from sightline.api.native.actions import CancelView, ExplainView, JobMediaView, RetryView
from sightline.api.native.jobs import JobsView, JobView
from sightline.api.native.queues import QueueView
from sightline.api.native.uploads import UploadsView

urlpatterns = [
    path("jobs", JobsView.as_view(), name="jobs"),
    path("jobs/<str:public_id>", JobView.as_view(), name="job"),
    path("jobs/<str:public_id>/cancel", CancelView.as_view(), name="job-cancel"),
    path("jobs/<str:public_id>/retry", RetryView.as_view(), name="job-retry"),
    path("jobs/<str:public_id>/explain", ExplainView.as_view(), name="job-explain"),
    path("jobs/<str:public_id>/media/<int:index>", JobMediaView.as_view(), name="job-media"),
    path("uploads", UploadsView.as_view(), name="uploads"),
    path("queues/<str:kind>", QueueView.as_view(), name="queue"),
]
