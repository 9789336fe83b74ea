"""Who uses the platform: tenants and their API keys."""

from typing import Any

from django.db import models

from sightline import ids
from sightline.ids import new_id


def _quotas(value: Any) -> None:
    from sightline.tenants.quotas import validate

    validate(value)


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
    cache_group = models.SlugField(
        max_length=64,
        blank=True,
        default="",
        help_text="Tenants that name the same group answer each other's identical requests; empty: only its own.",
    )
    quotas = models.JSONField(
        default=dict,
        blank=True,
        validators=[_quotas],
        help_text='By kind or "*": in_flight, queued, per_minute, tokens_per_day. {"ocr": {"per_minute": 60}}',
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
    model_tags = models.JSONField(
        default=list, blank=True, help_text="Model tags that the key may submit to; empty for all."
    )
    scopes = models.JSONField(
        default=list, blank=True, help_text="submit, read, admin; empty for submit and read."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    replaces = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="replaced_by",
        help_text="The key that this one was made from by rotation",
    )

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def public_id(self) -> str:
        return ids.encode(ids.KEY, self.id)


class TokenUse(models.Model):
    """Tokens that a tenant's jobs of a kind used on one day in UTC; kept where a quota of tokens is set."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="token_uses", db_index=False)
    kind = models.CharField(max_length=20)
    day = models.DateField()
    tokens = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "kind", "day"], name="tokenuse_day")]

    def __str__(self) -> str:
        return f"{self.kind} {self.day}: {self.tokens}"
