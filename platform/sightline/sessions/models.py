"""Histories that jobs go on from: a dialogue, or the run of a GUI agent."""

from django.db import models
from django.db.models import Q

from sightline import ids


class Session(models.Model):
    """One history of one tenant. Its version counts every change of it, so that nobody goes on from a stale one."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    tenant = models.ForeignKey(
        "tenants.Tenant", on_delete=models.CASCADE, related_name="job_sessions", db_index=False
    )
    kind = models.CharField(max_length=20, help_text="chat or gui: of its jobs")
    version = models.PositiveIntegerField(default=0)
    system = models.TextField(blank=True, default="", help_text="The system message of its chats")
    metadata = models.JSONField(default=dict, blank=True)
    done = models.CharField(
        max_length=10, blank=True, default="", help_text="How the run of an agent ended: success or failure"
    )
    job_id = models.UUIDField(
        null=True, help_text="The job that goes on from it last; while that one is active, no other may"
    )
    retention_s = models.PositiveIntegerField(help_text="Kept for so long after its last use")
    created_at = models.DateTimeField()
    used_at = models.DateTimeField()
    erased_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["tenant", "id"], name="session_tenant_id"),
            # What retention deletes, as with jobs: within one retention the order of the last uses.
            models.Index(fields=["retention_s", "used_at"], name="session_retention"),
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def public_id(self) -> str:
        return ids.encode(ids.SESSION, self.id)


class Step(models.Model):
    """What one job, or its owner by hand, added to a history."""

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="steps")
    number = models.PositiveIntegerField(help_text="The version of the session that it made")
    job_id = models.UUIDField(null=True, help_text="Empty: it was added by hand. The job may be gone")
    seen = models.PositiveIntegerField(help_text="The version that it went on from")
    entries = models.JSONField(help_text="Chat: messages, media bound. Gui: {text, arguments}")
    tokens = models.PositiveIntegerField(help_text="That its entries take in a prompt, estimated")
    images = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["session", "number"]
        constraints = [
            models.UniqueConstraint(fields=["session", "number"], name="step_number"),
            # A job adds once, however often its end is told.
            models.UniqueConstraint(fields=["job_id"], name="step_of_job", condition=Q(job_id__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.session_id} {self.number}"


class StepMedia(models.Model):
    """An image of a step: while the row is there, nothing that cleans up deletes the image."""

    step = models.ForeignKey(Step, on_delete=models.CASCADE, related_name="media_rows")
    media = models.ForeignKey("media.Media", on_delete=models.CASCADE, related_name="step_rows")

    def __str__(self) -> str:
        return f"{self.media_id} {self.step_id}"
