"""What a job is asked instead when it runs once more: its words, its images, its mode, its sampling."""

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

from django import forms

from sightline.api.native.schemas import Retry
from sightline.jobs.models import Job
from sightline.kinds.gui.kind import GuiInput
from sightline.kinds.ocr.kind import OcrInput
from sightline_dashboard.image_field import ImagesField
from sightline_dashboard.sampling_form import NAMES, SamplingForm

IMAGES = "images"
MOST_TEXTS = 40
"""Texts of a chat that can be edited: the last ones."""

Fields = tuple[dict[str, forms.Field], dict[str, Any]]
"""Fields by name, and what they hold now."""
Place = tuple[int, int | None]
"""A message, and the part of its content that is a text; None where the content is one."""


class EditForm(SamplingForm):
    """Fields by the job's kind. Only what was changed is said to the service, so that the rest stays as it was sent."""

    reason = forms.CharField(
        required=False, max_length=500, label="Reason", help_text="For the audit's record."
    )

    def __init__(self, data: Any, files: Any = None, *, job: Job, asked: dict[str, Any]) -> None:
        """`asked` is the job's input as a request would have it, its images named by uploads."""
        self._asked = asked
        self._texts: dict[str, Place] = {}
        of: Callable[[], Fields] = getattr(self, f"_of_{job.kind}", lambda: ({}, {}))
        fields, initial = of()
        super().__init__(data, files, job=job, initial=initial)
        self.input_names = tuple(name for name in fields if name != IMAGES)
        self.fields = {**fields, **self.fields}
        self.pointers |= {f"/input/{name}": name for name in fields}
        for name, (message, part) in self._texts.items():
            below = "" if part is None else f"/{part}/text"
            self.pointers[f"/input/messages/{message}/content{below}"] = name
        self.dress()

    # --- fields of a kind, with what they hold now ---
    def _of_gui(self) -> Fields:
        fields = {
            "instruction": _words("Instruction", rows=3),
            "tool": _choice("Tool", GuiInput, "tool"),
            "history": _words("Done before", rows=4, help_text="A line a step, the oldest first."),
            IMAGES: ImagesField(
                several=False, label="Another screenshot", help_text="In place of the one that it has."
            ),
        }
        return fields, {
            "instruction": self._asked.get("instruction", ""),
            "tool": self._asked.get("tool", "computer_use"),
            "history": "\n".join(self._asked.get("history") or ()),
        }

    def _of_ocr(self) -> Fields:
        wanted = self._asked.get("fields")
        template = isinstance(wanted, dict)
        fields = {
            "mode": _choice("Mode", OcrInput, "mode"),
            "fields": _words(
                "Fields",
                rows=4,
                help_text="For kie: a name a line, or a JSON template with empty values.",
            ),
            IMAGES: ImagesField(
                several=True, label="Other pages", help_text="In place of all that it has, in this order."
            ),
        }
        shown = json.dumps(wanted, ensure_ascii=False, indent=2) if template else "\n".join(wanted or ())
        return fields, {"mode": self._asked.get("mode", "text"), "fields": shown}

    def _of_chat(self) -> Fields:
        fields: dict[str, forms.Field] = {}
        initial: dict[str, Any] = {}
        for place, role, text in list(_texts(self._asked.get("messages") or ()))[-MOST_TEXTS:]:
            name = f"text_{place[0]}" + ("" if place[1] is None else f"_{place[1]}")
            self._texts[name] = place
            fields[name] = _words(role.capitalize(), rows=min(12, 2 + text.count("\n") + len(text) // 90))
            initial[name] = text
        return fields, initial

    # --- what they say ---
    def changes(self) -> Retry:
        """For the service: fields of the input that say something else than before, and the parameters."""
        given = self.cleaned_data
        changed = {name: given[name] for name in self.input_names if given[name] != self._before(name)}
        asked: dict[str, Any] = {IMAGES: given[IMAGES]} if given.get(IMAGES) else {}
        if self._texts.keys() & changed.keys():
            asked["messages"] = self._messages(changed)
        for name in changed.keys() - self._texts.keys():
            asked[name] = _lines(given[name]) if name in ("history", "fields") else given[name]
        if "mode" in changed and given["mode"] != "kie":
            asked["fields"] = None  # they belong to the mode that it had
        elif "fields" in changed and given["fields"].lstrip().startswith("{"):
            asked["fields"] = _template(given["fields"])
        before = {name: self._before(name) for name in ("pixels_min", "pixels_max", *NAMES)}
        same = all(given[name] == value for name, value in before.items())
        return Retry(input=asked, params={} if same else self.params(), reason=given["reason"])

    def _before(self, name: str) -> Any:
        value = self.get_initial_for_field(self.fields[name], name)
        return _plain(value) if isinstance(value, str) else value

    def _messages(self, changed: dict[str, Any]) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = copy.deepcopy(self._asked["messages"])
        for name, text in changed.items():
            message, part = self._texts[name]
            if part is None:
                messages[message]["content"] = text
            else:
                messages[message]["content"][part]["text"] = text
        return messages


class _Words(forms.CharField):
    """Text as it was typed: browsers send line ends of their own."""

    def to_python(self, value: Any) -> Any:
        return _plain(super().to_python(value) or "")


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n")


def _words(label: str, *, rows: int, help_text: str = "") -> forms.CharField:
    area = forms.Textarea(attrs={"rows": rows})
    return _Words(required=False, strip=False, label=label, widget=area, help_text=help_text)


def _choice(label: str, model: Any, name: str) -> forms.ChoiceField:
    """A choice among what the kind's own schema allows."""
    schema = model.model_json_schema()
    found = schema["properties"][name]
    values = found.get("enum") or schema["$defs"][found["$ref"].rpartition("/")[2]]["enum"]
    return forms.ChoiceField(label=label, choices=[(value, value) for value in values])


def _lines(text: str) -> list[str]:
    return [line for line in text.split("\n") if line.strip()]


def _template(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text  # the kind says what is wrong with it


def _texts(messages: Any) -> Iterator[tuple[Place, str, str]]:
    for number, message in enumerate(messages):
        content, role = message.get("content"), str(message.get("role", ""))
        if isinstance(content, str):
            yield (number, None), role, content
            continue
        for index, part in enumerate(content or ()):
            if isinstance(part, dict) and part.get("type") == "text":
                yield (number, index), role, str(part.get("text", ""))
