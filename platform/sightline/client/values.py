"""What the server tells, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Self

from sightline.client.errors import NotSucceeded
from sightline.client.results import Chat, Gui, Ocr

Kind = Literal["gui", "ocr", "chat"]
Status = Literal[
    "queued", "running", "succeeded", "incomplete", "failed", "cancelled", "expired", "quarantined"
]
ENDED = frozenset({"succeeded", "incomplete", "failed", "cancelled", "expired", "quarantined"})
BATCH_ENDED = frozenset({"completed", "failed", "expired", "cancelled"})
_ENDINGS = {"job": ENDED, "batch": BATCH_ENDED}


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job as the server last showed it."""

    id: str
    kind: str
    status: str
    """One of `Status`; a newer server may know more."""
    output: dict[str, Any] | None
    """The result as JSON; None until the job ended, and when it failed. `ocr`, `gui` and `chat` read it."""
    error: dict[str, Any] | None
    """`code`, `message` and `retryable` of a job that failed."""
    document: dict[str, Any]
    """All of the answer."""

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    @property
    def succeeded(self) -> bool:
        return self.status == "succeeded"

    @property
    def model(self) -> str:
        """Model tag."""
        return str(self.document.get("model") or "")

    @property
    def attempt(self) -> int:
        """Runs so far."""
        return int(self.document.get("attempt") or 0)

    @property
    def tags(self) -> tuple[str, ...]:
        return tuple(self.document.get("tags") or ())

    @property
    def metadata(self) -> Mapping[str, Any]:
        return dict(self.document.get("metadata") or {})

    @property
    def created_at(self) -> datetime | None:
        return _moment(self.document.get("created_at"))

    @property
    def ended_at(self) -> datetime | None:
        return _moment(self.document.get("ended_at"))

    @property
    def usage(self) -> Mapping[str, int]:
        """`input_tokens`, `image_tokens`, `output_tokens`; empty until it ended."""
        return dict(self.document.get("usage") or {})

    @property
    def timings_ms(self) -> Mapping[str, float]:
        """Milliseconds of queue, prepare, ttft, decode and total; empty until it ended."""
        found = self.document.get("timings_ms") or {}
        return {name: value for name, value in found.items() if value is not None}

    @property
    def ocr(self) -> Ocr:
        """The result of an ocr job. Raises NotSucceeded where there is none."""
        return Ocr.read(self._output("ocr"))

    @property
    def gui(self) -> Gui:
        """The result of a gui job. Raises NotSucceeded where there is none."""
        return Gui.read(self._output("gui"))

    @property
    def chat(self) -> Chat:
        """The result of a chat job. Raises NotSucceeded where there is none."""
        return Chat.read(self._output("chat"))

    def _output(self, kind: str) -> dict[str, Any]:
        if self.kind != kind:
            raise NotSucceeded(f"{self.id} is a job of the kind {self.kind}, not {kind}.")
        if self.output is None:
            why = (self.error or {}).get("message") or (
                "it has no output" if self.ended else "it has not ended"
            )
            raise NotSucceeded(f"{self.id} is {self.status}: {why}")
        return self.output

    @classmethod
    def read(cls, document: dict[str, Any]) -> Self:
        return cls(
            id=document["id"],
            kind=document["kind"],
            status=document["status"],
            output=document.get("output"),
            error=document.get("error"),
            document=document,
        )


@dataclass(frozen=True, kw_only=True)
class Event:
    """One event of the stream of a job or batch."""

    number: int
    """Where to resume: the next event has a higher one."""
    type: str
    """`job.queued`, `job.started`, `job.progress`, `output.delta`, `output.item`, `output.reset`, …, and one
    `job.<status>` at the end; of a batch `batch.progress` and one `batch.<status>`."""
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def terminal(self) -> bool:
        """The job or batch ended with it."""
        of, _, status = self.type.partition(".")
        return status in _ENDINGS.get(of, ())


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Why a job waits."""

    id: str
    status: str
    position: int | None
    """From 1 in its queue; None while it is not in it."""
    eta_ms: tuple[int, int] | None
    """Milliseconds until it ends, at best and at worst; None where nobody can tell."""
    cause: str
    detail: str
    document: dict[str, Any]

    @classmethod
    def read(cls, document: dict[str, Any]) -> Self:
        blocking, eta = document.get("blocking") or {}, document.get("eta_ms")
        return cls(
            id=document["id"],
            status=document["status"],
            position=document.get("position"),
            eta_ms=(int(eta[0]), int(eta[1])) if eta else None,
            cause=str(blocking.get("cause") or ""),
            detail=str(blocking.get("detail") or ""),
            document=document,
        )


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two jobs of one kind side by side, the second against the first."""

    ended: bool
    """Both have ended; before that, what needs both outputs is None."""
    error_rate: float | None
    """Character error rate over all texts: 0 is equal, and it may exceed 1."""
    mean_iou: float | None
    """Of the boxes that match, 0.5 to 1."""
    distance_px: float | None
    """Between two clicks, in pixels of the screenshot."""
    same_place: bool | None
    """Are the clicks as near as the smallest target is wide?"""
    document: dict[str, Any]
    """All of the answer: what was asked otherwise, runs of text, matched boxes, tokens, phases."""

    @classmethod
    def read(cls, document: dict[str, Any]) -> Self:
        action = document.get("action") or {}
        return cls(
            ended=bool(document.get("ended")),
            error_rate=document.get("error_rate"),
            mean_iou=document.get("mean_iou"),
            distance_px=action.get("distance_px"),
            same_place=action.get("same_place"),
            document=document,
        )


def _moment(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
