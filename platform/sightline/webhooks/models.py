"""Who is told of the end of jobs, what they were told, and how each attempt went."""

from django.db import models
from django.db.models import Q

from sightline import ids


class DeliveryState(models.TextChoices):
    PENDING = "pending", "Pending"  # waits until it is due: for its first attempt, or for the next one
    SENDING = "sending", "Sending"  # a worker has it until `due_at`; then somebody else may
    DELIVERED = "delivered", "Delivered"  # the receiver answered 2xx
    FAILED = "failed", "Failed"  # every attempt failed, or the endpoint was disabled; may be redelivered


class Endpoint(models.Model):
    """An address that is told of events, and the secret that its messages are signed with.

    One of a tenant is told of its jobs; one of nobody's is the platform's own and is told of alerts.

    Each tenant has at most one with `one_off`: it stands for the addresses that single jobs name, whose messages
    are signed with its secret.
    """

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    tenant = models.ForeignKey(
        "tenants.Tenant", null=True, on_delete=models.CASCADE, related_name="webhook_endpoints"
    )
    url = models.CharField(
        max_length=2048, blank=True, help_text="https://… or mailto:…; empty for the one-off endpoint"
    )
    one_off = models.BooleanField(default=False)
    events = models.JSONField(default=list, help_text="Event types; empty for all")
    description = models.CharField(max_length=200, blank=True)
    secret = models.TextField(help_text="whsec_…, encrypted")
    previous_secret = models.TextField(
        blank=True, help_text="whsec_…, encrypted; signs as well while rotating"
    )
    previous_until = models.DateTimeField(null=True, help_text="Until then the previous secret signs as well")
    failures = models.PositiveIntegerField(default=0, help_text="Attempts that failed since the last success")
    disabled_at = models.DateTimeField(null=True)
    disabled_reason = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["tenant"], condition=Q(one_off=True), name="webhook_one_off")
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def public_id(self) -> str:
        return ids.encode(ids.ENDPOINT, self.id)


class Delivery(models.Model):
    """One message to one address. The row is the outbox entry and the log; its id is the `webhook-id`."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    tenant = models.ForeignKey(
        "tenants.Tenant",
        null=True,
        on_delete=models.CASCADE,
        related_name="webhook_deliveries",
        db_index=False,
    )
    endpoint = models.ForeignKey(
        Endpoint, on_delete=models.CASCADE, related_name="deliveries", db_index=False
    )
    url = models.CharField(max_length=2048, help_text="Where it goes")
    type = models.CharField(max_length=30)
    job_id = models.UUIDField(
        null=True,
        help_text="The job; a number only, for jobs and deliveries are kept differently. Empty: an alert",
    )
    body = models.TextField(help_text="The very bytes, so that every attempt sends the same")
    state = models.CharField(max_length=10, choices=DeliveryState, default=DeliveryState.PENDING)
    due_at = models.DateTimeField(help_text="Pending: the next attempt. Sending: the end of the lease")
    fence = models.PositiveIntegerField(default=0, help_text="Counts claims: only the newest may write")
    tries = models.PositiveIntegerField(default=0, help_text="Attempts since it was made or redelivered")
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "deliveries"
        indexes = [
            models.Index(
                fields=["due_at"], name="delivery_due", condition=Q(state__in=["pending", "sending"])
            ),
            models.Index(fields=["endpoint", "due_at"], name="delivery_aboard", condition=Q(state="sending")),
            models.Index(fields=["endpoint", "id"], name="delivery_endpoint"),
            models.Index(fields=["tenant", "id"], name="delivery_tenant"),
            models.Index(fields=["ended_at"], name="delivery_ended"),
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def public_id(self) -> str:
        return ids.encode(ids.MESSAGE, self.id)


class DeliveryAttempt(models.Model):
    """One request to a receiver, and what it answered."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="attempts")
    at = models.DateTimeField()
    duration_ms = models.FloatField()
    status = models.PositiveSmallIntegerField(null=True, help_text="HTTP status; empty when none came")
    error = models.CharField(max_length=300, blank=True)
    response = models.TextField(blank=True, help_text="The beginning of a refusal's body")

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.delivery_id}: {self.status or self.error}"
