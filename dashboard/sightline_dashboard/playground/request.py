"""From the playground's form to a job on the queue."""

from __future__ import annotations

from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict

from sightline.api.authentication import Sender
from sightline.api.native.form import read_form
from sightline.api.native.intake import accept
from sightline.errors import Conflict, FieldError, InvalidInput
from sightline.jobs.models import Job
from sightline.jobs.services.submit import Replayed
from sightline_dashboard.playground.tenant import tenant

ROUTE = "POST playground"
TAG = "playground"
_OURS = ("tags", "metadata", "stream", "webhook", "retention_s", "max_attempts")
"""Of the envelope, what the playground says itself."""
_MISSING = {
    "gui": "Add a screenshot: drop it here, paste it, or choose a file.",
    "ocr": "Add a page: drop it here, paste it, or choose a file.",
}


def start(
    *,
    fields: QueryDict,
    files: MultiValueDict[str, UploadedFile[Any]],
    operator: str,
    key: str | None,
) -> Job:
    """The accepted job, or the one that was accepted under the same key before.

    The form is the API's own: flat fields by their names, images in fields called image. A `Problem` for what the
    API would refuse; quotas are those of the playground's tenant.
    """
    body, named = read_form(fields, files)
    for name in _OURS:
        if name in body:
            raise InvalidInput(f"The playground sets {name} itself.", code="unknown_field")
    _ask_for_an_image(body)
    body |= {"tags": [TAG], "metadata": {"operator": operator[:1024]}, "stream": True}
    sender = Sender(tenant=tenant(), key=None)
    found = accept(principal=sender, body=body, files=named, key=key, route=ROUTE)
    if isinstance(found, Job):
        return found
    return _again(found)


def _again(found: Replayed) -> Job:
    if found.job is None:
        raise Conflict("This run was started before and has been deleted since.")
    return found.job


def _ask_for_an_image(body: dict[str, Any]) -> None:
    """Said as a person would: "This field is required." leaves open what to do."""
    sentence = _MISSING.get(str(body.get("kind")))
    given = body.get("input")
    if sentence and isinstance(given, dict) and not given.get("images"):
        raise InvalidInput(sentence, errors=[FieldError(pointer="/input/images", detail=sentence)])
