"""An input whose images are still to be fetched: the request's own JSON, with everything already stored named by id."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sightline.kinds.contract import Json

_SOURCES = ("data", "url", "upload_id")


def name_uploads(input: Json, uploads: Mapping[str, str]) -> Json:
    """The input with each source (a data URI, a form's file) that `uploads` knows replaced by its upload's id."""
    return {name: _named(value, uploads) for name, value in input.items()}


def _named(value: Any, uploads: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_named(item, uploads) for item in value]
    if not isinstance(value, dict):
        return value
    for source in _SOURCES:
        if isinstance(found := value.get(source), str) and found in uploads:
            kept = {name: item for name, item in value.items() if name != source}
            return {"upload_id": uploads[found], **kept}
    return {name: _named(item, uploads) for name, item in value.items()}


def requested(value: Any, uploads: Mapping[str, str]) -> Any:
    """A bound input as a request would have it; `uploads` has the id of each image by its digest.

    Raises KeyError for an image that is not there any more.
    """
    if isinstance(value, list):
        return [requested(item, uploads) for item in value]
    if not isinstance(value, dict):
        return value
    media = value.get("media")
    if not isinstance(media, dict) or "sha256" not in media:
        return {name: requested(item, uploads) for name, item in value.items()}
    named = {"upload_id": uploads[media["sha256"]]}
    return {"type": "image_url", "image_url": named} if value.get("type") == "image" else named


def pointer_to(value: Any, source: str, text: str, *, below: str = "/input") -> str:
    """Where a reference stands: the JSON pointer of the first `source` (`url`, …) that holds `text`; else `below`."""
    return next(_pointers(value, source, text, below), below)


def _pointers(value: Any, source: str, text: str, here: str) -> Any:
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from _pointers(item, source, text, f"{here}/{number}")
    elif isinstance(value, dict):
        if value.get(source) == text:
            yield f"{here}/{source}"
        for name, item in value.items():
            yield from _pointers(item, source, text, f"{here}/{name}")
