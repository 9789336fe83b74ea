"""What is kept to find similar pictures, and to know how often that was wrong."""

from django.db import models
from django.db.models import Q

from sightline.near.verdict import Verdict


class PictureHash(models.Model):
    """What a stored picture looks like, part by part. Made when a job first asks for `near` with it."""

    media = models.OneToOneField("media.Media", primary_key=True, on_delete=models.CASCADE)
    regions = models.BinaryField(help_text="16 perceptual hashes of 8 bytes, by rows of a 4 × 4 grid")

    def __str__(self) -> str:
        return str(self.media_id)


class Entry(models.Model):
    """A job whose answer similar requests may get."""

    id = models.BigAutoField(primary_key=True)
    job = models.OneToOneField("jobs.Job", on_delete=models.CASCADE)
    prompt_key = models.CharField(
        max_length=64, help_text="Its request with the pictures left out; holds whose it is"
    )
    media = models.JSONField(help_text="Ids of its pictures, in prompt order")

    class Meta:
        verbose_name_plural = "entries"

    def __str__(self) -> str:
        return str(self.job_id)


class Band(models.Model):
    """One part of an entry's first picture: equal hashes under one prompt are equal buckets."""

    id = models.BigAutoField(primary_key=True)
    bucket = models.BigIntegerField(help_text="Digest of the prompt's key, the part's number and its hash")
    entry = models.ForeignKey(Entry, on_delete=models.CASCADE, related_name="bands")

    class Meta:
        # Newest first within a bucket, and the entry is in the index: a look-up reads nothing else.
        indexes = [models.Index(fields=["bucket", "-entry"], name="near_bucket")]

    def __str__(self) -> str:
        return f"{self.bucket} {self.entry_id}"


class Check(models.Model):
    """One hit that is answered once more by the engine."""

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.CASCADE, db_index=False)
    kind = models.CharField(max_length=20)
    model = models.CharField(max_length=63, help_text="Model tag")
    job = models.ForeignKey(
        "jobs.Job", null=True, on_delete=models.SET_NULL, related_name="near_checks", help_text="The hit"
    )
    source = models.UUIDField(help_text="The job whose answer it got")
    shadow = models.UUIDField(null=True, help_text="The job that asks the engine again")
    verdict = models.CharField(max_length=9, choices=Verdict, default=Verdict.PENDING)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["id"], name="near_pending", condition=Q(verdict="pending")),
            models.Index(fields=["kind", "model", "ended_at"], name="near_judged"),
        ]

    def __str__(self) -> str:
        return f"{self.job_id}: {self.verdict}"


class Switch(models.Model):
    """Whether hits are served for a kind and a model; a row exists once somebody or something changed it."""

    kind = models.CharField(max_length=20)
    model = models.CharField(max_length=63)
    off_at = models.DateTimeField(
        null=True, help_text="Above the budget since, or switched off by an operator"
    )
    off_by = models.CharField(max_length=150, blank=True, help_text="Empty: the rate of false hits")
    counted_from = models.DateTimeField(null=True, help_text="Checks before this do not count any more")

    class Meta:
        verbose_name_plural = "switches"
        constraints = [models.UniqueConstraint(fields=["kind", "model"], name="near_switch_kind_model")]

    def __str__(self) -> str:
        return f"{self.kind} {self.model}: {'off' if self.off_at else 'on'}"
