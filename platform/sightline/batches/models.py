"""Files that clients send, and batches: many requests in one file, run as jobs."""

from django.db import models
from django.db.models import Q

from sightline import ids


class Purpose(models.TextChoices):
    BATCH = "batch", "Batch"  # the requests of a batch, one JSON object a line
    VISION = "vision", "Vision"  # an image that messages name by its id
    USER_DATA = "user_data", "User data"  # the same under OpenAI's newer name
    BATCH_OUTPUT = "batch_output", "Batch output"  # the results of a batch; made from its jobs as it is read


class BatchStatus(models.TextChoices):
    VALIDATING = "validating", "Validating"  # its file was not looked at yet
    FAILED = "failed", "Failed"  # its file cannot be used: nothing ran
    IN_PROGRESS = "in_progress", "In progress"  # its lines become jobs, and the jobs run
    FINALIZING = "finalizing", "Finalizing"  # every line has ended; the size of its files is taken
    COMPLETED = "completed", "Completed"  # every line has a result or an error
    EXPIRED = "expired", "Expired"  # its window closed before every line had run
    CANCELLING = "cancelling", "Cancelling"  # the jobs that wait or run are being cancelled
    CANCELLED = "cancelled", "Cancelled"  # ended because somebody asked for it; what was done is kept


ACTIVE: frozenset[str] = frozenset(
    {
        BatchStatus.VALIDATING,
        BatchStatus.IN_PROGRESS,
        BatchStatus.FINALIZING,
        BatchStatus.CANCELLING,
    }
)


class LineState(models.TextChoices):
    OPEN = "open", "Open"  # its job waits or runs
    COMPLETED = "completed", "Completed"  # its job ended with output
    FAILED = "failed", "Failed"  # it never became a job, or its job ended without output


class File(models.Model):
    """A file of a tenant: kept as it was sent, or made from a batch's rows each time it is read."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    tenant = models.ForeignKey(
        "tenants.Tenant", on_delete=models.PROTECT, related_name="files", db_index=False
    )
    purpose = models.CharField(max_length=20, choices=Purpose)
    filename = models.CharField(max_length=255, help_text="As sent, for people to read only")
    bytes = models.PositiveBigIntegerField(default=0, help_text="0 for results until their batch has ended")
    sha256 = models.CharField(max_length=64, blank=True, help_text="Hex digest; empty for results")
    name = models.CharField(max_length=200, blank=True, help_text="Name in the storage; empty for results")
    batch = models.ForeignKey(
        "Batch",
        null=True,
        on_delete=models.CASCADE,
        related_name="files",
        help_text="Whose results these are",
    )
    lines = models.CharField(
        max_length=10,
        blank=True,
        choices=LineState,
        help_text="Which lines of the batch: its results or errors",
    )
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["tenant", "id"], name="file_tenant_id")]

    def __str__(self) -> str:
        return f"{self.purpose} {self.filename}"

    @property
    def public_id(self) -> str:
        return ids.encode(ids.FILE, self.id).replace("_", "-", 1)


class Batch(models.Model):
    """The requests of one file. The row is their progress, and the lease of the worker that is at it."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    tenant = models.ForeignKey(
        "tenants.Tenant", on_delete=models.PROTECT, related_name="batches", db_index=False
    )
    api_key = models.ForeignKey("tenants.ApiKey", null=True, on_delete=models.SET_NULL, db_index=False)

    # What is asked
    endpoint = models.CharField(max_length=50)
    completion_window = models.CharField(max_length=20)
    seats = models.CharField(max_length=20, help_text="The kind whose seats a line takes that names none")
    metadata = models.JSONField(default=dict, blank=True)
    results_kept_s = models.PositiveIntegerField(
        help_text="How long its results are kept, from its creation on"
    )
    # Numbers only: a file is deleted without its batch.
    input_file = models.UUIDField()
    output_file = models.UUIDField(null=True)
    error_file = models.UUIDField(null=True)

    # Where it stands
    status = models.CharField(max_length=12, choices=BatchStatus, default=BatchStatus.VALIDATING)
    total = models.PositiveIntegerField(default=0, help_text="Requests in its file; 0 while validating")
    read_bytes = models.PositiveBigIntegerField(default=0, help_text="Of its file: the next line begins here")
    read_lines = models.PositiveIntegerField(default=0, help_text="Of its file, empty ones included")
    expanded = models.PositiveIntegerField(default=0, help_text="Requests that became jobs or errors")
    completed = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    unexecuted = models.PositiveIntegerField(
        default=0, help_text="Of the failed: the window closed before they ran"
    )
    cancelled_to = models.PositiveIntegerField(
        default=0, help_text="While cancelling: lines up to this one are cancelled"
    )
    errors = models.JSONField(default=list, help_text="Why the file cannot be used: code, message, line")

    # Who is at it
    due_at = models.DateTimeField(
        null=True, help_text="When a worker has to look at it; while one does, the end of its lease"
    )
    fence = models.PositiveIntegerField(default=0, help_text="Counts claims: only the newest may write")

    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    in_progress_at = models.DateTimeField(null=True)
    finalizing_at = models.DateTimeField(null=True)
    cancelling_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(
        null=True, help_text="When it became completed, failed, expired or cancelled"
    )

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "batches"
        indexes = [
            models.Index(fields=["tenant", "id"], name="batch_tenant_id"),
            models.Index(fields=["due_at"], name="batch_due", condition=Q(due_at__isnull=False)),
            # The sweeper's walk over batches that are not done.
            models.Index(
                fields=["id"], name="batch_active", condition=Q(status__in=["in_progress", "cancelling"])
            ),
            models.Index(fields=["ended_at"], name="batch_ended"),
        ]

    def __str__(self) -> str:
        return f"{self.endpoint} {self.status}"

    @property
    def public_id(self) -> str:
        return ids.encode(ids.BATCH, self.id)

    @property
    def is_expanded(self) -> bool:
        """Has every line become a job or an error?"""
        return self.status != BatchStatus.VALIDATING and self.expanded >= self.total

    @property
    def open(self) -> int:
        """Lines whose jobs wait or run."""
        return self.expanded - self.completed - self.failed


class Line(models.Model):
    """One request of a batch: its place in the file, and the job that it became."""

    id = models.BigAutoField(primary_key=True)
    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="lines", db_index=False)
    number = models.PositiveIntegerField(help_text="Line of the file, from 1, empty lines counted")
    custom_id = models.CharField(max_length=512, blank=True)
    job_id = models.UUIDField(
        null=True, db_index=True, help_text="A number only, for jobs and batches are kept differently"
    )
    state = models.CharField(max_length=10, choices=LineState, default=LineState.OPEN)
    position = models.PositiveIntegerField(
        help_text="Open: its number. Ended: its place in the results or errors, in the order of being noticed"
    )
    error = models.JSONField(null=True, help_text="Why it became no job: code, message, status, param")

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["batch", "number"], name="line_number")]
        indexes = [
            models.Index(fields=["batch", "custom_id"], name="line_custom_id"),
            # The open ones in order, and each of the two files in the order in which it grew.
            models.Index(fields=["batch", "state", "position"], name="line_state"),
        ]

    def __str__(self) -> str:
        return f"{self.batch_id} line {self.number}"
