"""What a replay has otherwise: the model, the pixel budget, the sampling."""

import hashlib
import uuid
from typing import Any

from django import forms
from django.conf import settings

from sightline.api.native.schemas import Replay
from sightline.errors import Problem
from sightline.jobs.models import Job

_PARAMS = ("temperature", "top_p", "top_k", "max_tokens", "seed", "repetition_penalty", "presence_penalty")
_FIELDS = {
    "/model": "model",
    "/params/pixels": "pixels_max",
    "/params/pixels/min": "pixels_min",
    "/params/pixels/max": "pixels_max",
    **{f"/params/{name}": name for name in _PARAMS},
}
"""The field that holds what the problem's pointer names."""


class ReplayForm(forms.Form):
    """Empty takes the kind's default. Whether a number makes sense is the kind's to say, as for every request."""

    shown = forms.CharField(
        required=False, widget=forms.HiddenInput, max_length=64, initial=lambda: str(uuid.uuid4())
    )
    model = forms.ChoiceField()
    pixels_min = forms.IntegerField(
        required=False, label="Fewest pixels", help_text="Width × height that an image is enlarged to."
    )
    pixels_max = forms.IntegerField(
        required=False,
        label="Most pixels",
        help_text="Width × height that an image is reduced to: 1310720 is 1280 × 1024.",
    )
    temperature = forms.FloatField(required=False, help_text="0 is greedy.")
    top_p = forms.FloatField(required=False, label="Top p")
    top_k = forms.IntegerField(required=False, label="Top k")
    max_tokens = forms.IntegerField(required=False, label="Most tokens")
    seed = forms.IntegerField(required=False)
    repetition_penalty = forms.FloatField(required=False, label="Repetition penalty")
    presence_penalty = forms.FloatField(required=False, label="Presence penalty")

    def __init__(self, data: Any, *, job: Job) -> None:
        pixels = job.params.get("pixels") or {}
        initial = {
            "model": job.model,
            "pixels_min": pixels.get("min"),
            "pixels_max": pixels.get("max"),
            **{name: job.params.get(name) for name in _PARAMS},
        }
        super().__init__(data, initial=initial)
        tags = list(dict.fromkeys([*settings.MODELS, job.model]))
        self.fields["model"].choices = [(tag, tag) for tag in tags]  # type: ignore[attr-defined]
        for field in self.fields.values():
            if field.widget.is_hidden:
                continue
            field.widget.attrs |= {"class": "sl-input"}
            if not isinstance(field, forms.ChoiceField):
                # A number field of a browser silently drops what it takes for none; ours say what is wrong.
                field.widget = forms.TextInput(
                    attrs={"class": "sl-input", "inputmode": "decimal", "autocomplete": "off"}
                )

    def changes(self) -> Replay:
        """For the service; what is empty is removed from the parameters."""
        given = self.cleaned_data
        pixels = {
            name: value
            for name, value in (("min", given["pixels_min"]), ("max", given["pixels_max"]))
            if value is not None
        }
        params = {name: given[name] for name in _PARAMS}
        return Replay(model=given["model"], params={**params, "pixels": pixels or None})

    def key(self) -> str | None:
        """Names what the form asks for: the form as it was shown once, and what it holds.

        Sent twice it is one replay; gone back to and changed, it is another.
        """
        if not self.cleaned_data["shown"]:
            return None
        asked = self.changes().model_dump_json()
        return f"admin:{hashlib.sha256((self.cleaned_data['shown'] + asked).encode()).hexdigest()}"

    def refuse(self, problem: Problem) -> None:
        """Put the refusal beside the fields that it is about."""
        told = False
        for error in problem.errors:
            name = _FIELDS.get(error.pointer)
            self.add_error(name, error.detail)
            told = True
        if not told:
            self.add_error(None, problem.detail)
