"""What a response of `/v1/responses` is besides the job behind it."""

from django.db import models


class Response(models.Model):
    """A chat job that was asked for as a response.

    It holds nothing that anybody said: the texts are in the job, and go with it when it is erased.
    """

    job = models.OneToOneField(
        "jobs.Job", primary_key=True, on_delete=models.CASCADE, related_name="response"
    )
    previous = models.UUIDField(
        null=True, help_text="The job of the response that it follows; a number only, for that may be deleted"
    )
    instructed = models.BooleanField(default=False, help_text="The first message is its instructions")
    inherited = models.PositiveIntegerField(
        default=0, help_text="Messages after the instructions that earlier responses said"
    )
    background = models.BooleanField(default=False)
    store = models.BooleanField(default=True, help_text="May be read again and followed")

    class Meta:
        indexes = [
            models.Index(
                fields=["previous"], name="response_follows", condition=models.Q(previous__isnull=False)
            )
        ]

    def __str__(self) -> str:
        return f"response {self.job_id}"
