"""Causes of failures, bulk acts on frozen selections of jobs, and searches that have a name."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from sightline import ids


class Failure(models.Model):
    """A failed attempt that no cause has counted yet: written with the failure, deleted with the counting."""

    id = models.BigAutoField(primary_key=True)
    fingerprint = models.CharField(max_length=16)
    job_id = models.UUIDField()
    run = models.PositiveIntegerField()
    tenant_id = models.UUIDField()
    kind = models.CharField(max_length=20)
    model = models.CharField(max_length=63)
    group = models.CharField(max_length=150, blank=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.fingerprint} {self.job_id} run {self.run}"


class CauseState(models.TextChoices):
    OPEN = "open", "Open"
    ACKNOWLEDGED = "acknowledged", "Acknowledged"  # somebody works on it
    RESOLVED = "resolved", "Resolved"
    REGRESSED = "regressed", "Regressed"  # it was resolved, and failed again


class Cause(models.Model):
    """Failures of one fingerprint: type, phase, message without its particulars, our own frames."""

    fingerprint = models.CharField(max_length=16, primary_key=True)
    error_type = models.CharField(max_length=100, blank=True)
    code = models.CharField(max_length=50, blank=True)
    phase = models.CharField(max_length=20, blank=True)
    message = models.TextField(blank=True, help_text="Of the first failure")
    frames = models.JSONField(default=list)
    count = models.PositiveBigIntegerField(default=0)
    tallies = models.JSONField(
        default=dict, help_text="Failures by kind, model, group and tenant: {kind: {ocr: 3}}"
    )
    buckets = models.JSONField(default=dict, help_text="Failures by the ten minutes in which they fell")
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()
    state = models.CharField(max_length=12, choices=CauseState, default=CauseState.OPEN)
    owner = models.CharField(max_length=150, blank=True)
    note = models.TextField(blank=True)
    muted_until = models.DateTimeField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-last_seen"]
        indexes = [models.Index(fields=["state", "-last_seen"], name="cause_state_seen")]

    def __str__(self) -> str:
        return f"{self.code or self.error_type}: {self.message[:60]}"


class BulkState(models.TextChoices):
    FROZEN = "frozen", "Frozen"  # the dry run: chosen and counted, nothing done
    CANARY = "canary", "First three"  # the first few run; the others wait for them
    HALTED = "halted", "Halted"  # one of the first few failed again: an operator decides
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    STOPPED = "stopped", "Stopped"  # an operator stopped it; what was done stays done


class Bulk(models.Model):
    """One act on many jobs, chosen once: jobs that come later are not touched."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    tenant = models.ForeignKey(
        "tenants.Tenant",
        null=True,
        on_delete=models.CASCADE,
        help_text="Whose jobs; empty: an operator's, of all tenants",
    )
    action = models.CharField(max_length=20)
    search = models.TextField(help_text="What chose the jobs, as the search box takes it")
    cause = models.ForeignKey(Cause, null=True, on_delete=models.SET_NULL, related_name="bulks")
    state = models.CharField(max_length=10, choices=BulkState, default=BulkState.FROZEN)
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    summary = models.JSONField(default=dict, help_text="The dry run: by_kind, by_tenant, by_status, …")
    detail = models.CharField(max_length=300, blank=True, help_text="Why it is in this state")
    actor = models.CharField(max_length=200)
    reason = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["id"], name="bulk_active", condition=Q(state__in=("canary", "running")))
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def public_id(self) -> str:
        return ids.encode(ids.BULK, self.id)

    @property
    def active(self) -> bool:
        return self.state in (BulkState.CANARY, BulkState.RUNNING)

    @property
    def left(self) -> int:
        return self.total - self.done - self.failed


class ItemState(models.TextChoices):
    PENDING = "pending", "Pending"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"


class BulkItem(models.Model):
    """One job of a bulk act."""

    id = models.BigAutoField(primary_key=True)
    bulk = models.ForeignKey(Bulk, on_delete=models.CASCADE, related_name="items", db_index=False)
    position = models.PositiveIntegerField()
    job = models.ForeignKey("jobs.Job", on_delete=models.CASCADE, related_name="+")
    state = models.CharField(max_length=10, choices=ItemState, default=ItemState.PENDING)
    detail = models.CharField(max_length=300, blank=True, help_text="Why it was not done")

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["bulk", "job"], name="bulk_job_once")]
        indexes = [models.Index(fields=["bulk", "state", "position"], name="bulkitem_next")]

    def __str__(self) -> str:
        return f"{self.bulk_id} {self.position}"


class SavedView(models.Model):
    """A search that has a name, with the columns and the order in which its jobs are shown."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="job_views")
    name = models.CharField(max_length=60)
    search = models.CharField(max_length=500, blank=True)
    columns = models.JSONField(
        default=list, help_text="Names of columns in their order; empty: the usual ones"
    )
    oldest_first = models.BooleanField(default=False)
    shared = models.BooleanField(default=False, help_text="Everybody who sees jobs sees it")
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["owner", "name"], name="savedview_name")]

    def __str__(self) -> str:
        return self.name
