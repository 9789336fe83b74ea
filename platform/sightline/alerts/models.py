"""Rules, who they tell, and what became of each time that one was broken."""

from django.db import models
from django.db.models import Q

from sightline import ids
from sightline.webhooks.models import Endpoint


class Metric(models.TextChoices):
    DEPTH = "depth", "Waiting jobs"
    OLDEST_AGE = "oldest_age_s", "Age of the oldest waiting job, s"
    FAILURE_RATE = "failure_rate", "Share of jobs that failed, 0–1"
    BURN = "burn", "SLO burn"
    ENGINE = "engine_down", "Engine does not serve, 1"


class ChannelManager(models.Manager["Channel"]):
    def get_queryset(self) -> models.QuerySet["Channel"]:
        return super().get_queryset().filter(tenant=None, one_off=False)


class Channel(Endpoint):
    """An endpoint of the platform's own: `https://…` takes signed webhooks, `mailto:…` mails."""

    objects = ChannelManager()  # type: ignore[misc]

    class Meta:
        proxy = True

    def __str__(self) -> str:
        return self.description or self.url


class Rule(models.Model):
    """What must not be, for how long it may be, and who is told."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    name = models.CharField(max_length=80, unique=True)
    metric = models.CharField(max_length=20, choices=Metric)
    scope = models.CharField(
        max_length=150,
        blank=True,
        help_text="A queue (gui.default), a kind (gui) or a group (gpu0@host); empty: each of them",
    )
    threshold = models.FloatField(help_text="Broken at this value or above")
    clear_below = models.FloatField(
        null=True, blank=True, help_text="Good again below this; empty: below the threshold"
    )
    for_s = models.PositiveIntegerField(
        "For, s", default=60, help_text="Tells when it has been broken for so long"
    )
    clear_for_s = models.PositiveIntegerField(
        "Good for, s", default=60, help_text="Resolved when it has been good for so long"
    )
    least_jobs = models.PositiveIntegerField(
        default=20, help_text="Rates of fewer jobs than this say nothing"
    )
    channels = models.ManyToManyField(Channel, blank=True, related_name="rules")
    enabled = models.BooleanField(default=True)
    muted_until = models.DateTimeField(null=True, blank=True, help_text="Until then it tells nobody")
    updated_at = models.DateTimeField()
    updated_by = models.CharField(max_length=200)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def public_id(self) -> str:
        return ids.encode(ids.RULE, self.id)

    @property
    def clears_below(self) -> float:
        return self.threshold if self.clear_below is None else min(self.clear_below, self.threshold)


class AlertState(models.TextChoices):
    PENDING = "pending", "Pending"  # broken, but not yet for long enough
    FIRING = "firing", "Firing"
    RESOLVED = "resolved", "Resolved"


class Alert(models.Model):
    """One time that one rule was broken by one queue or group. At most one of them is open."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    rule = models.ForeignKey(Rule, on_delete=models.CASCADE, related_name="alerts", db_index=False)
    subject = models.CharField(max_length=150, help_text="The queue or the group")
    state = models.CharField(max_length=10, choices=AlertState, default=AlertState.PENDING)
    value = models.FloatField(help_text="When it was last looked at while broken")
    peak = models.FloatField()
    detail = models.CharField(max_length=300, blank=True)
    since = models.DateTimeField(help_text="When it was first seen broken")
    fired_at = models.DateTimeField(null=True)
    told_at = models.DateTimeField(null=True, help_text="When its channels were told; a mute holds that back")
    good_since = models.DateTimeField(null=True, help_text="Firing: the value has been good since")
    resolved_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "subject"],
                name="alert_open_once",
                condition=Q(state__in=("pending", "firing")),
            )
        ]
        indexes = [
            models.Index(fields=["rule", "-id"], name="alert_rule"),
            models.Index(fields=["resolved_at"], name="alert_resolved", condition=Q(state="resolved")),
        ]

    def __str__(self) -> str:
        return f"{self.rule.name}: {self.subject}"

    @property
    def public_id(self) -> str:
        return ids.encode(ids.ALERT, self.id)
