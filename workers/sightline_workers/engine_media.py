"""The images of a job as its engine gets them: whole the first time, by name while the engine holds them.

vLLM keeps preprocessed images under the `uuid` that came with them (`--mm-processor-cache-gb`), and takes the uuid
alone afterwards. That saves reading, encoding, sending, decoding and preprocessing the picture again. Names are
keyed by tenant: whoever guesses a digest cannot make the engine show him somebody else's picture.
"""

import hashlib
import hmac
import json
import threading
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings

from sightline.jobs.claims import Claim
from sightline.media import services as media
from sightline.media.models import Media

_BYTES_PER_PIXEL = 24
"""Three channels, two frames (Qwen's temporal patch), at most four bytes each: what a preprocessed image takes."""
_CACHE_BYTES = 2 * 2**30
"""Half of the engine's cache (4 GB): three worker processes of a group fill it together."""


class Held:
    """Which images an engine holds, as far as this process knows. Used by many threads.

    Being wrong costs one small request, see `Runner`: nobody has to tell this object that an engine was restarted.
    """

    def __init__(self, most_pixels: int = _CACHE_BYTES // _BYTES_PER_PIXEL) -> None:
        self._most = most_pixels
        self._pixels: OrderedDict[str, int] = OrderedDict()
        self._total = 0
        self._lock = threading.Lock()

    def among(self, names: Iterable[str]) -> frozenset[str]:
        """Those of the names that are held; using them keeps them longer, as it does in the engine."""
        with self._lock:
            found = frozenset(name for name in names if name in self._pixels)
            for name in found:
                self._pixels.move_to_end(name)
        return found

    def keep(self, pixels: Mapping[str, int]) -> None:
        """The engine has taken these, each with so many pixels. The longest unused are forgotten beyond the bound."""
        with self._lock:
            for name, count in pixels.items():
                self._total += count - self._pixels.pop(name, 0)
                self._pixels[name] = count
            while self._total > self._most:
                self._total -= self._pixels.popitem(last=False)[1]

    def forget(self, names: Collection[str]) -> None:
        """The engine holds these no longer."""
        with self._lock:
            for name in names:
                self._total -= self._pixels.pop(name, 0)


@dataclass(frozen=True, kw_only=True)
class JobImages:
    """The stored images of one job."""

    tenant_id: UUID
    digests: Sequence[str]
    """SHA-256 of each image as it was sent, in prompt order."""
    rows: Mapping[str, Media]
    """By digest; what was erased is missing."""
    budget: Mapping[str, Any] | None = None
    """The job's pixel budget: the engine keeps an image once for each."""

    @classmethod
    def of(cls, claim: Claim, stored: Sequence[Mapping[str, Any]]) -> "JobImages":
        """Look them up: one query for all, each file is read when it is needed."""
        digests = [image["sha256"] for image in stored]
        rows = media.by_sha256(tenant_id=claim.tenant_id, digests=digests) if digests else {}
        return cls(
            tenant_id=claim.tenant_id, digests=digests, rows=rows, budget=claim.params.get("pixels") or None
        )

    def load(self, index: int) -> tuple[bytes, str]:
        """Bytes and type of image `index`. Raises FileNotFoundError."""
        row = self._row(index)
        return media.open_bytes(row), row.stored_mime

    def name(self, index: int) -> str:
        """What the engine may call image `index`. Raises FileNotFoundError: what was erased is not shown again."""
        row = self._row(index)
        size = f"{row.stored_width}x{row.stored_height}"
        budget = json.dumps(self.budget, sort_keys=True)
        text = f"image:{self.tenant_id.hex}:{row.sha256}:{size}:{budget}"
        return hmac.new(settings.SECRET_KEY.encode(), text.encode(), hashlib.sha256).hexdigest()[:32]

    def pixels(self, index: int) -> int:
        """Width × height of image `index` as it is stored."""
        row = self._row(index)
        return row.stored_width * row.stored_height

    def _row(self, index: int) -> Media:
        row = self.rows.get(self.digests[index])
        if row is None:
            raise FileNotFoundError(self.digests[index])
        return row
