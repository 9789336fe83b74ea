"""The domain: a job, its attempts, its events, and the row that orders a tenant's jobs."""

from django.db import models
from django.db.models import Q

from sightline import ids
from sightline.jobs.status import AttemptOutcome, Status


class Job(models.Model):
    """One request and what became of it. The row is the outbox, the queue entry and the result."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    tenant = models.ForeignKey(
        "tenants.Tenant", on_delete=models.PROTECT, related_name="jobs", db_index=False
    )
    api_key = models.ForeignKey("tenants.ApiKey", null=True, on_delete=models.SET_NULL, db_index=False)

    # What is asked
    kind = models.CharField(max_length=20)
    model = models.CharField(max_length=63, help_text="Model tag")
    input = models.JSONField(help_text="The kind's input with media bound; {} once erased")
    params = models.JSONField(default=dict)
    tags = models.JSONField(default=list, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    prepared = models.BooleanField(
        default=True, help_text="Its media are bound; False: the input is as sent, and `prepare` comes first"
    )
    replay_of = models.UUIDField(
        null=True, help_text="The job that this one was made from; a number only, that one may be gone"
    )
    session = models.UUIDField(
        null=True, help_text="The session that it goes on from; a number only, that one may be gone"
    )
    session_version = models.PositiveIntegerField(null=True, help_text="Of that session, when it went on")
    session_inherited = models.PositiveIntegerField(
        null=True, help_text="Entries of its input that are the session's"
    )
    metered = models.BooleanField(default=False, help_text="Its tokens count for a quota of its tenant")
    images = models.JSONField(default=list, help_text="SHA-256 of the pixels of each image, in prompt order")
    deadline_at = models.DateTimeField(null=True)
    max_attempts = models.PositiveSmallIntegerField(default=3)
    retention_s = models.PositiveIntegerField()
    webhook_url = models.CharField(max_length=2048, blank=True, help_text="Told of its end, once")
    announced = models.BooleanField(default=False, help_text="Its end is delivered to webhooks")
    cache_mode = models.CharField(
        max_length=7, blank=True, default="", help_text="exact, near or refresh; empty: it asks no cache"
    )
    cache_ttl_s = models.PositiveIntegerField(
        null=True, help_text="How old an answer out of the cache may be; empty: the usual"
    )
    cache_key = models.CharField(  # noqa: DJ001 - unique where there is one
        max_length=64, null=True, help_text="Its request, while this row is the one that answers it"
    )

    # Where it stands
    status = models.CharField(max_length=12, choices=Status, default=Status.QUEUED)
    seats = models.CharField(
        max_length=20, blank=True, default="", help_text="The kind whose seats it takes; empty: its own"
    )
    queue = models.CharField(max_length=100)
    turn = models.BigIntegerField(help_text="Orders the queue; ties by id")
    parked_until = models.DateTimeField(null=True, help_text="In backoff: not claimable before")
    run = models.PositiveIntegerField(default=0, help_text="Times it was claimed")
    tries = models.PositiveIntegerField(default=0, help_text="Transient failures, bounded by max_attempts")
    crashes = models.PositiveIntegerField(default=0, help_text="Times a worker or engine died under it")
    solo_kills = models.PositiveIntegerField(default=0, help_text="Engines that died while it ran alone")
    suspect = models.BooleanField(default=False, help_text="Was aboard an engine that died: reruns alone")
    fence = models.PositiveBigIntegerField(default=0, help_text="Fencing token of the current claim")
    lease_until = models.DateTimeField(null=True)
    worker = models.CharField(max_length=200, blank=True)
    group = models.CharField(max_length=150, blank=True)
    source = models.UUIDField(
        null=True,
        help_text="The job whose answer it takes: while queued the leader that it follows, while running the"
        " cancelled leader whose attempt it took over",
    )
    followed = models.BooleanField(default=False, help_text="Other jobs wait for its answer")
    shadow = models.BooleanField(
        default=False, help_text="Checks an answer out of the near cache; its tenant does not see it"
    )

    # What came out
    output = models.JSONField(null=True)
    error = models.JSONField(null=True, help_text="code, message, retryable")
    finish_reason = models.CharField(max_length=20, blank=True)
    served_from = models.CharField(max_length=10, blank=True)
    source_ended_at = models.DateTimeField(null=True, help_text="When an answer out of the cache was made")
    usage = models.JSONField(null=True)
    timings = models.JSONField(null=True, help_text="Milliseconds: queue, prepare, ttft, decode, total")

    created_at = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    erased_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            # Claim and top-up: the claimable jobs of a queue in order.
            models.Index(
                fields=["queue", "turn", "id"],
                name="job_claimable",
                condition=Q(status="queued", parked_until=None),
            ),
            models.Index(
                fields=["parked_until"],
                name="job_parked",
                condition=Q(status="queued", parked_until__isnull=False),
            ),
            models.Index(fields=["lease_until"], name="job_lease", condition=Q(status="running")),
            models.Index(fields=["group"], name="job_aboard", condition=Q(status="running")),
            models.Index(
                fields=["deadline_at"],
                name="job_deadline",
                condition=Q(status="queued", deadline_at__isnull=False),
            ),
            models.Index(fields=["tenant", "queue"], name="job_tenant_queued", condition=Q(status="queued")),
            models.Index(fields=["tenant", "id"], name="job_tenant_id"),
            models.Index(fields=["tenant", "status", "id"], name="job_tenant_status"),
            models.Index(fields=["status", "id"], name="job_status"),
            models.Index(fields=["kind", "id"], name="job_kind"),
            models.Index(fields=["session", "id"], name="job_session", condition=Q(session__isnull=False)),
            # What people search by: without these a value that is rare, or not there at all, reads the whole table.
            models.Index(fields=["model", "id"], name="job_model"),
            models.Index(fields=["queue", "id"], name="job_queue"),
            models.Index(fields=["group", "id"], name="job_group", condition=~Q(group="")),
            models.Index(fields=["worker", "id"], name="job_worker", condition=~Q(worker="")),
            models.Index(fields=["run", "id"], name="job_reruns", condition=Q(run__gt=1)),
            models.Index(
                fields=["served_from", "id"],
                name="job_served",
                condition=Q(served_from__in=("cache", "coalesced", "near")),
            ),
            models.Index(fields=["ended_at"], name="job_ended"),
            # What retention deletes: there are few different retentions, and within one the order of the ends.
            models.Index(
                fields=["retention_s", "ended_at"], name="job_retention", condition=Q(ended_at__isnull=False)
            ),
            # Jobs that wait for another one's answer, by that one. Small: an ended one leaves it.
            models.Index(
                fields=["source"], name="job_follows", condition=Q(status="queued", source__isnull=False)
            ),
            models.Index(
                fields=["replay_of", "id"], name="job_replays", condition=Q(replay_of__isnull=False)
            ),
        ]
        constraints = [
            # One row answers a request: the job in flight that others follow, or the finished one that the cache
            # serves. It is the cache's only index, and the races of identical submissions end on it.
            models.UniqueConstraint(
                fields=["cache_key"], name="job_cache_key", condition=Q(cache_key__isnull=False)
            )
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def public_id(self) -> str:
        return ids.encode(ids.JOB, self.id)

    @property
    def ended(self) -> bool:
        from sightline.jobs.status import TERMINAL

        return self.status in TERMINAL


class Attempt(models.Model):
    """One claim of a job by a worker, and how it went."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="attempts")
    run = models.PositiveIntegerField()
    fence = models.PositiveBigIntegerField()
    worker = models.CharField(max_length=200)
    group = models.CharField(max_length=150, blank=True)
    engine = models.CharField(max_length=300, blank=True)
    celery_task_id = models.CharField(max_length=64, blank=True)
    outcome = models.CharField(max_length=12, choices=AttemptOutcome, default=AttemptOutcome.RUNNING)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    timings = models.JSONField(null=True, help_text="Milliseconds: prepare, ttft, decode, total")
    usage = models.JSONField(null=True)
    phase = models.CharField(
        max_length=20, blank=True, help_text="Where it failed: prepare, engine, parse, finish"
    )
    error_type = models.CharField(max_length=100, blank=True)
    error_code = models.CharField(max_length=50, blank=True)
    message = models.TextField(blank=True)
    frames = models.JSONField(null=True, help_text="Our own stack frames, innermost last: file:line function")
    fingerprint = models.CharField(max_length=16, blank=True)
    said = models.JSONField(
        null=True, help_text="What the model wrote, call by call, that could not be parsed"
    )

    class Meta:
        ordering = ["job", "run"]
        constraints = [models.UniqueConstraint(fields=["job", "run"], name="attempt_run")]
        indexes = [
            # With what a search joins by, so that it reads the index alone.
            models.Index(
                fields=["fingerprint", "-id"],
                include=["job", "run"],
                name="attempt_fingerprint",
                condition=~Q(fingerprint=""),
            ),
            models.Index(
                fields=["celery_task_id"], name="attempt_celery_task", condition=~Q(celery_task_id="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.job_id} run {self.run}"


class JobEvent(models.Model):
    """One transition of a job, written in the same transaction as the transition."""

    id = models.BigAutoField(primary_key=True)
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="events")
    type = models.CharField(max_length=30)
    run = models.PositiveIntegerField(default=0)
    at = models.DateTimeField()
    actor = models.CharField(max_length=200, blank=True)
    data = models.JSONField(default=dict)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.type} {self.job_id}"


class Turn(models.Model):
    """The last turn that a tenant was given in a queue; one row per pair, moved in one atomic statement."""

    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.CASCADE)
    queue = models.CharField(max_length=100)
    last = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "queue"], name="turn_tenant_queue")]
        indexes = [models.Index(fields=["queue", "-last"], name="turn_queue_last")]

    def __str__(self) -> str:
        return f"{self.queue} {self.tenant_id}: {self.last}"


class JobTag(models.Model):
    """One tag of one job, so that a list filtered by tag reads an index on every database."""

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.CASCADE, db_index=False)
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="tag_rows")
    tag = models.CharField(max_length=64)

    class Meta:
        indexes = [
            models.Index(fields=["tenant", "tag", "job"], name="jobtag_tenant_tag"),
            models.Index(fields=["tag", "job"], name="jobtag_tag"),  # an operator's: of all tenants
        ]

    def __str__(self) -> str:
        return f"{self.tag} {self.job_id}"


class JobMedia(models.Model):
    """An image of a job: while the row is there, nothing that cleans up deletes the image."""

    id = models.BigAutoField(primary_key=True)
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="media_rows", db_index=False)
    media = models.ForeignKey(
        "media.Media", on_delete=models.CASCADE, related_name="job_rows", db_index=False
    )

    class Meta:
        indexes = [
            models.Index(fields=["job", "media"], name="jobmedia_job"),
            models.Index(fields=["media", "-id"], name="jobmedia_media"),
        ]

    def __str__(self) -> str:
        return f"{self.media_id} {self.job_id}"


class IdempotencyKey(models.Model):
    """The first answer to a request that named itself, kept for 24 hours."""

    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.CASCADE)
    route = models.CharField(max_length=60)
    key = models.CharField(max_length=255)
    body_sha256 = models.CharField(max_length=64)
    job = models.ForeignKey(Job, null=True, on_delete=models.SET_NULL)
    status = models.PositiveSmallIntegerField()
    response = models.JSONField()
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "route", "key"], name="idempotency_scope")]

    def __str__(self) -> str:
        return f"{self.route} {self.key}"
