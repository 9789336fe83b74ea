"""Images as callers have them, and as an input names them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, MutableMapping
from pathlib import Path
from typing import Any

from sightline.client.patience import Patience
from sightline.client.wire import Flow, Json, Load, Request

Image = Path | bytes | str | Mapping[str, Any]
"""A file, its bytes, an `up_…` id, an `https://` or `data:` address, or the API's own form."""

_UPLOAD_S = 60.0


class Uploads:
    """Sends each image once: the ids of what was sent are remembered by SHA-256."""

    def __init__(self, patience: Patience, memory: MutableMapping[str, str]) -> None:
        self._patience = patience
        self._memory = memory

    def upload(self, image: Path | bytes) -> Flow[str]:
        """The `upload_id` of an image."""
        name = image.name if isinstance(image, Path) else "image"
        data: bytes = image if isinstance(image, bytes) else (yield Load(path=image))
        digest = hashlib.sha256(data).hexdigest()
        known = self._memory.get(digest)
        if known is not None:
            return known
        request = Request(method="POST", path="/api/v1/uploads", file=("image", name, data), read_s=_UPLOAD_S)
        answer = yield from self._patience.send(request)
        upload_id = str(answer.json()["id"])
        self._memory[digest] = upload_id
        return upload_id

    def named(self, images: Iterable[Image]) -> Flow[list[Json]]:
        """The images as an input's `images`."""
        found: list[Json] = []
        for image in images:
            if isinstance(image, Path | bytes):
                found.append({"upload_id": (yield from self.upload(image))})
            else:
                found.append(_reference(image))
        return found

    def forget(self) -> bool:
        """Trust nothing that was remembered: the server does not know one of them. False: nothing was."""
        knew = bool(self._memory)
        self._memory.clear()
        return knew


def _reference(image: str | Mapping[str, Any]) -> Json:
    if isinstance(image, Mapping):
        return dict(image)
    if image.startswith("up_"):
        return {"upload_id": image}
    if image.startswith("data:"):
        return {"data": image}
    if image.startswith(("https://", "http://")):
        return {"url": image}
    raise ValueError(f"{image[:80]!r} is no upload's id and no address; a file is given as a pathlib.Path.")
