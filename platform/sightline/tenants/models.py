"""Who uses the platform: tenants and their API keys."""

from django.db import models

from sightline.ids import new_id


class Tenant(models.Model):
    """Everything that is stored belongs to one tenant, and every query starts from it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.SlugField(max_length=64, unique=True)
    weight = models.PositiveIntegerField(default=1, help_text="Share of a queue relative to other tenants.")
    max_queued = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="Jobs waiting per kind at most; empty for SIGHTLINE_TENANT_QUEUE_LIMIT.",
    )
    has_webhooks = models.BooleanField(
        default=False, editable=False, help_text="An enabled endpoint is told of its jobs"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class ApiKey(models.Model):
    """A bearer key. Only its SHA-256 is kept; the prefix tells people which key it is."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="keys")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=16)
    sha256 = models.CharField(max_length=64, unique=True, editable=False)
    kinds = models.JSONField(
        default=list, blank=True, help_text="Kinds that the key may submit; empty for all."
    )
    scopes = models.JSONField(
        default=list, blank=True, help_text="submit, read, admin; empty for submit and read."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
