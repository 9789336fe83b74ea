"""One row an act. The database refuses to change one, and PostgreSQL to delete one too (triggers of migrations)."""

from typing import Any, NoReturn

from django.db import models

_REFUSED = "The audit record is append-only."


class AppendOnly(models.QuerySet["Entry"]):
    """Rows that are written once, and read. A trigger refuses updates."""

    def delete(self) -> NoReturn:
        raise TypeError(_REFUSED)


class Entry(models.Model):
    """What an operator did."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField()
    actor = models.CharField(max_length=200, help_text="`admin:name` or `key:prefix`")
    address = models.CharField(max_length=45, blank=True, help_text="Where the request came from")
    action = models.CharField(max_length=40, db_index=True, help_text="As `queue.pause`")
    subject = models.CharField(max_length=200, db_index=True, help_text="What it was done to")
    selection = models.TextField(blank=True, help_text="The search that chose the jobs of a bulk act")
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    reason = models.CharField(max_length=500, blank=True)

    objects = AppendOnly.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "entries"

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.subject}"

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(_REFUSED)
