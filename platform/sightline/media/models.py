"""Stored images, and the pictures that are refused."""

from django.db import models
from django.db.models import Q

from sightline import ids


class Media(models.Model):
    """One image of one tenant. The same bytes sent again are the same row."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    tenant = models.ForeignKey(
        "tenants.Tenant", on_delete=models.PROTECT, related_name="media", db_index=False
    )

    # As it was sent
    sha256 = models.CharField(max_length=64, help_text="Hex digest of the bytes as they were sent")
    mime = models.CharField(max_length=32, help_text="Type by content of the bytes as they were sent")
    bytes = models.PositiveIntegerField(help_text="Length as sent")
    width = models.PositiveIntegerField(help_text="Pixels as sent, after EXIF orientation")
    height = models.PositiveIntegerField(help_text="Pixels as sent, after EXIF orientation")
    pixel_sha256 = models.CharField(
        max_length=64, db_index=True, help_text="Hex digest of the decoded pixels"
    )
    filename = models.CharField(max_length=255, blank=True, help_text="As sent, for people to read only")

    # As it is stored and given to the engine
    file = models.CharField(max_length=200, help_text="Name in the storage")
    stored_mime = models.CharField(max_length=32)
    stored_bytes = models.PositiveIntegerField()
    stored_width = models.PositiveIntegerField(help_text="Pixels")
    stored_height = models.PositiveIntegerField(help_text="Pixels")

    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(db_index=True, help_text="To the hour: retention starts here")

    class Meta:
        verbose_name_plural = "media"
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["tenant", "sha256"], name="media_tenant_sha256")]
        indexes = [
            models.Index(fields=["tenant", "id"], name="media_tenant_id"),
            models.Index(fields=["sha256"], name="media_sha256"),  # an operator's: of all tenants
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def public_id(self) -> str:
        return ids.encode(ids.UPLOAD, self.id)


class BlockedMedia(models.Model):
    """A picture that brought engines down: refused as `poisoned_input` until an operator releases it."""

    tenant = models.ForeignKey(
        "tenants.Tenant", null=True, blank=True, on_delete=models.CASCADE, help_text="Empty: for everybody"
    )
    pixel_sha256 = models.CharField(max_length=64)
    reason = models.CharField(max_length=500)
    job = models.CharField(
        max_length=64, blank=True, help_text="Public id of the job that it was quarantined with"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    released_at = models.DateTimeField(null=True, blank=True)
    released_by = models.CharField(max_length=150, blank=True)

    class Meta:
        verbose_name_plural = "blocked media"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["pixel_sha256"], name="media_blocked", condition=Q(released_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.pixel_sha256[:12]}… ({self.job})"
