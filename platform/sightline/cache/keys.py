"""The canonical request, and its key.

What a key holds is everything that can change an answer: the kind, the model tag and the revision that its engines
serve, the bound input with each image named by its decoded pixels, the parameters under the kind's defaults, and the
code that makes prompts and reads answers. What it leaves out is how the request came: JSON's whitespace, the order
of a schema's fields, `0` for `0.0`, a default that was written down, the container, name and route of an image.

Free JSON inside a request (a kie template, a tool's or a response's JSON schema) is different: the model reads it, in
the order and the spelling that it came in. There, keys are compared as they came.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

from pydantic import BaseModel

from sightline.cache.values import Picture
from sightline.kinds.contract import Json, Kind, StoredImage
from sightline.kinds.sampling import SAMPLING_FIELDS

REVISION_LENGTH = 12
"""Characters of a model revision, and of every key before its dot."""


def key(
    *,
    kind: Kind,
    inputs: BaseModel,
    params: Mapping[str, Any],
    pictures: Sequence[Picture],
    model: str,
    revision: str,
    scope: str,
) -> str:
    """The key of a validated request. `params` are the validated parameters as JSON, without what was not set."""
    request = _request(kind, inputs, params, pictures, model, scope)
    return f"{revision}.{_digest(request)}"


def prompt_key(
    *,
    kind: Kind,
    inputs: BaseModel,
    params: Mapping[str, Any],
    pictures: Sequence[Picture],
    model: str,
    revision: str,
    scope: str,
) -> str:
    """The key of the same request with every picture left out; their number and places stay."""
    blank = [Picture(pixel_sha256="", width=0, height=0)] * len(pictures)
    return f"{revision}.{_digest(_request(kind, inputs, params, blank, model, scope))}"


def revision_of(key: str) -> str:
    """The model revision that a key was made for."""
    return key[:REVISION_LENGTH]


def _request(
    kind: Kind,
    inputs: BaseModel,
    params: Mapping[str, Any],
    pictures: Sequence[Picture],
    model: str,
    scope: str,
) -> Json:
    # Bound once more, with pixels for names: a digest of bytes would tell two containers of one picture apart.
    named = [
        StoredImage(sha256=picture.pixel_sha256, width=picture.width, height=picture.height, mime="")
        for picture in pictures
    ]
    return {
        "scope": scope,
        "kind": kind.name,
        "model": model,
        "input": kind.bind(inputs, named),
        "params": _effective(kind, params),
        "code": code(),
    }


def _effective(kind: Kind, params: Mapping[str, Any]) -> Json:
    """All parameters that have an effect, by name: the kind's defaults under what the request sets."""
    given = {name: value for name, value in params.items() if value is not None}
    found = {**kind.defaults, **given}
    if not any((found.get("pixels") or {}).values()):
        found.pop("pixels", None)
    if isinstance(found.get("stop"), str):
        found["stop"] = [found["stop"]]
    return {
        name: _number(value) if name in SAMPLING_FIELDS else value for name, value in sorted(found.items())
    }


def _number(value: Any) -> Any:
    """One spelling of a number: 0, 0.0 and -0.0 are one."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _digest(request: Json) -> str:
    text = json.dumps(request, ensure_ascii=True, separators=(",", ":"))
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


@cache
def code() -> str:
    """Digest of the code that makes prompts out of inputs and outputs out of texts.

    A number that somebody must raise would be forgotten one day, and old answers served for a new prompt.
    """
    digest = hashlib.sha256()
    pending = [resources.files("sightline.kinds")]
    while pending:
        entry = pending.pop()
        for below in sorted(entry.iterdir(), key=lambda item: item.name):
            if below.is_dir():
                pending.append(below)
            elif below.name.endswith(".py"):
                digest.update(below.name.encode() + b"\0" + below.read_bytes())
    return digest.hexdigest()[:32]
