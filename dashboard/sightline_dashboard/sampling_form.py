"""Fields of sampling and pixels, as a replay and an edited retry have them, and how a refusal finds its field."""

from typing import Any

from django import forms

from sightline.errors import Problem
from sightline.jobs.models import Job

_POINTERS = {
    "/params/pixels": "pixels_max",
    "/params/pixels/min": "pixels_min",
    "/params/pixels/max": "pixels_max",
}
NAMES = ("temperature", "top_p", "top_k", "max_tokens", "seed", "repetition_penalty", "presence_penalty")


class SamplingForm(forms.Form):
    """Empty takes the kind's default. Whether a number makes sense is the kind's to say, as for every request."""

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

    def __init__(self, data: Any, files: Any = None, *, job: Job, initial: dict[str, Any]) -> None:
        self.pointers = {**_POINTERS, **{f"/params/{name}": name for name in NAMES}}
        """The field that holds what a problem's pointer names, or what lies below it."""
        pixels = job.params.get("pixels") or {}
        super().__init__(
            data,
            files,
            initial={
                "pixels_min": pixels.get("min"),
                "pixels_max": pixels.get("max"),
                **{name: job.params.get(name) for name in NAMES},
                **initial,
            },
        )
        for name in ("pixels_min", "pixels_max", *NAMES):
            # A number field of a browser silently drops what it takes for none; ours say what is wrong.
            self.fields[name].widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})

    def dress(self) -> None:
        """Give every field that is seen the admin's clothes, once all are there."""
        for field in self.fields.values():
            if not field.widget.is_hidden:
                field.widget.attrs["class"] = "sl-input"

    def params(self) -> dict[str, Any]:
        """What the fields say; None for what is empty, which removes it."""
        given = self.cleaned_data
        pixels = {
            name: value
            for name, value in (("min", given["pixels_min"]), ("max", given["pixels_max"]))
            if value is not None
        }
        return {**{name: given[name] for name in NAMES}, "pixels": pixels or None}

    def refuse(self, problem: Problem) -> None:
        """Put the refusal beside the fields that it is about."""
        for error in problem.errors:
            self.add_error(self._field(error.pointer), error.detail)
        if not problem.errors:
            self.add_error(None, problem.detail)

    def _field(self, pointer: str) -> str | None:
        while pointer:
            if (name := self.pointers.get(pointer)) in self.fields:
                return name
            pointer = pointer.rpartition("/")[0]
        return None
