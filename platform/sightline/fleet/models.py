"""What serves the jobs: queues and the GPU groups that pull from them."""

from django.db import models


class Queue(models.Model):
    """An operator's word on one queue. A queue without a row is open."""

    name = models.CharField(max_length=100, primary_key=True, help_text="kind.tag, as `gui.default`")
    paused_at = models.DateTimeField(null=True, blank=True)
    paused_by = models.CharField(max_length=150, blank=True)

    def __str__(self) -> str:
        return self.name


class EngineState(models.TextChoices):
    STARTING = "starting", "Starting"  # the engine's process runs and loads its model
    LIVE = "live", "Live"  # it answers and makes progress
    HUNG = "hung", "Hung"  # it answers nothing though it has work; it is being killed
    RESTARTING = "restarting", "Restarting"  # it died; the next start waits for its backoff
    FAILED = "failed", "Failed"  # it died too often; an operator must look
    STOPPED = "stopped", "Stopped"  # the group was shut down, or its supervisor is gone


class Intake(models.TextChoices):
    OPEN = "open", "Open"  # takes the jobs of its kinds' queues
    PROBATION = "probation", "Probation"  # takes suspects only, one at a time with nothing else aboard
    CLOSED = "closed", "Closed"  # takes nothing: no live engine, or drained


class Group(models.Model):
    """One model instance (one GPU, or several with tensor parallelism) and the workers that feed it."""

    id = models.CharField(max_length=150, primary_key=True, help_text="name@host, as `gpu0@host`")
    name = models.CharField(max_length=50)
    host = models.CharField(max_length=100)
    tag = models.CharField(max_length=63)
    gpus = models.JSONField(default=list, help_text="GPU UUIDs; empty on a CPU or for an engine elsewhere")
    engine_url = models.CharField(max_length=300, blank=True)
    state = models.CharField(max_length=12, choices=EngineState, default=EngineState.STARTING)
    intake = models.CharField(max_length=10, choices=Intake, default=Intake.CLOSED)
    drained_at = models.DateTimeField(
        null=True, blank=True, help_text="Set by an operator: takes no new jobs"
    )
    probation = models.BooleanField(
        default=False, help_text="Its engine died with jobs aboard: suspects first"
    )
    seats = models.JSONField(default=dict, help_text="Seats by kind, as they are now")
    seats_started_with = models.JSONField(
        default=dict, help_text="Seats by kind that its engine was started for"
    )
    seats_changed = models.JSONField(
        default=dict, blank=True, help_text="What an operator changed of them, by kind; survives restarts"
    )
    kv_tokens = models.PositiveBigIntegerField(null=True, blank=True, help_text="KV cache capacity in tokens")
    max_model_len = models.PositiveIntegerField(null=True, blank=True)
    revision = models.CharField(
        max_length=12,
        blank=True,
        default="",
        help_text="Of what its engine serves: answers of another differ",
    )
    restarts = models.PositiveIntegerField(default=0)
    detail = models.CharField(max_length=300, blank=True, help_text="Why it is in this state")
    readings = models.JSONField(
        default=dict, help_text="What was last measured: the names in fleet/readings.py"
    )
    started_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.id


class Leader(models.Model):
    """A lease row: whoever holds it leads. Works on SQLite and under any connection pooler."""

    name = models.CharField(max_length=50, primary_key=True)
    holder = models.CharField(max_length=200)
    lease_until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name}: {self.holder}"


class Minute(models.Model):
    """One minute of a queue or of a group, for charts."""

    at = models.DateTimeField(help_text="The minute's start")
    subject = models.CharField(max_length=160, help_text="`queue:gui.default` or `group:gpu0@host`")
    values = models.JSONField(help_text="The names in fleet/minutes.py")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["subject", "at"], name="minute_of_subject")]
        indexes = [models.Index(fields=["at"], name="minute_at")]

    def __str__(self) -> str:
        return f"{self.subject} {self.at:%Y-%m-%d %H:%M}"
