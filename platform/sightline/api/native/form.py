"""`multipart/form-data` as a job request, so that one line of curl is enough: `-F kind=ocr -F image=@a.png`."""

from __future__ import annotations

from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict

from sightline.api import strict_json
from sightline.api.native.request import JobRequest
from sightline.errors import FieldError, InvalidInput
from sightline.kinds.registry import KINDS

FILE = "image"
_LISTS = frozenset({"tags", "history"})
_TEXTS = frozenset({"kind", "model", "instruction", "prompt", "mode", "tool", "tags", "history"})


def read_form(
    fields: QueryDict, files: MultiValueDict[str, UploadedFile[Any]]
) -> tuple[Any, dict[str, UploadedFile[Any]]]:
    """The request body that the form stands for, and its files by the `upload_id` that the body names them with.

    Either `job` holds the JSON, or the fields stand flat: those of the envelope, of the kind's input and of its
    parameters, each by its name. Files join `input.images` in their order.
    """
    strange = [name for name in files if name != FILE]
    if strange:
        raise InvalidInput(
            f"Send files in fields named {FILE!r}, not {strange[0][:60]!r}.",
            code="unknown_field",
            errors=[FieldError(pointer=f"/{strange[0][:60]}", detail=f"Files stand in fields named {FILE}.")],
        )
    # An upload's id never has this form, so no request can name another one's file.
    named = {f"file-{index}": file for index, file in enumerate(files.getlist(FILE))}
    body = _whole(fields) if "job" in fields else _flat(fields)
    if named and isinstance(body, dict):
        given = body.setdefault("input", {})
        if isinstance(given, dict) and isinstance(given.setdefault("images", []), list):
            given["images"] += [{"upload_id": name} for name in named]
    return body, named


def _whole(fields: QueryDict) -> Any:
    others = [name for name in fields if name != "job"]
    if others or len(fields.getlist("job")) > 1:
        raise InvalidInput("A form with the field job has no other fields than files.", code="unknown_field")
    return strict_json.loads(str(fields["job"]).encode("utf-8", "surrogatepass"), pointer="/job")


def _flat(fields: QueryDict) -> dict[str, Any]:
    kind = KINDS.get(fields.get("kind", ""))
    body: dict[str, Any] = {}
    below: dict[str, dict[str, Any]] = {}
    for name, values in fields.lists():
        read = [_value(name, str(value)) for value in values]
        value = read if name in _LISTS or len(read) > 1 else read[0]
        if name in JobRequest.model_fields:
            body[name] = value
        elif kind is not None and name in kind.Params.model_fields:
            below.setdefault("params", {})[name] = value
        elif kind is not None and name in kind.Input.model_fields:
            below.setdefault("input", {})[name] = value
        else:
            body[name] = value  # refused by its name with everything else that is wrong
    for name, values_below in below.items():
        whole = body.setdefault(name, {})
        if isinstance(whole, dict):
            whole.update(values_below)
    body.setdefault("input", {})
    return body


def _value(name: str, text: str) -> Any:
    """A form's text as the value that it spells: numbers, lists and objects as JSON, the rest as it is."""
    if name in _TEXTS or not text or text[0] not in '-0123456789[{"tfn':
        return text
    try:
        return strict_json.loads(text.encode("utf-8", "surrogatepass"))
    except strict_json.InvalidJson:
        return text
