"""What a replay has otherwise: the model, the pixel budget, the sampling."""

import hashlib
import uuid
from typing import Any

from django import forms
from django.conf import settings

from sightline.api.native.schemas import Replay
from sightline.jobs.models import Job
from sightline_dashboard.sampling_form import SamplingForm


class ReplayForm(SamplingForm):
    """The same input once more, to be compared."""

    shown = forms.CharField(
        required=False, widget=forms.HiddenInput, max_length=64, initial=lambda: str(uuid.uuid4())
    )
    model = forms.ChoiceField()
    field_order = ("model",)

    def __init__(self, data: Any, *, job: Job) -> None:
        super().__init__(data, job=job, initial={"model": job.model})
        self.pointers["/model"] = "model"
        tags = list(dict.fromkeys([*settings.MODELS, job.model]))
        self.fields["model"].choices = [(tag, tag) for tag in tags]  # type: ignore[attr-defined]
        self.dress()

    def changes(self) -> Replay:
        """For the service; what is empty is removed from the parameters."""
        return Replay(model=self.cleaned_data["model"], params=self.params())

    def key(self) -> str | None:
        """Names what the form asks for: the form as it was shown once, and what it holds.

        Sent twice it is one replay; gone back to and changed, it is another.
        """
        if not self.cleaned_data["shown"]:
            return None
        asked = self.changes().model_dump_json()
        return f"admin:{hashlib.sha256((self.cleaned_data['shown'] + asked).encode()).hexdigest()}"
