"""The text of a running attempt, piece by piece, and what else it tells, in a Redis stream of its job and fence.

Nobody writes unless somebody reads: a reader (or a submission that asks for a stream) sets the key *wanted*, and
the worker looks at it when an attempt starts and once a second. Entries count from 1 by the worker's own number, so
a reader sees a gap; the first entry of every stream holds the whole text so far, so a gap can always be healed. The
fence in the key keeps a worker that was fenced off out of everybody's sight.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sightline.events.tool_calls import CallPiece
from sightline.redis_client import RedisAway, call

log = logging.getLogger(__name__)

TTL_S = 600
"""How long pieces can be read again, and how long a wish for them holds."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """One entry of a stream."""

    number: int
    """From 1, without gaps unless Redis lost some."""
    call: int = 0
    """Which call to the engine the text belongs to, from 0: a page of ocr, a repair."""
    label: str = ""
    """What that call is for."""
    text: str = ""
    """What it adds."""
    tool_call: CallPiece | None = None
    """What it adds to a tool call instead."""
    event: str = ""
    """`output.item` or `job.progress`, with `data`; empty: the piece is text or of a tool call."""
    data: dict[str, Any] | None = None
    so_far: tuple[str, ...] | None = None
    """The whole text of every call up to and including this piece; where the worker began a stream anew."""
    items: tuple[dict[str, Any], ...] = ()
    """The data of every `output.item` up to and including this piece; where `so_far` is."""
    tool_calls: tuple[dict[str, Any], ...] = ()
    """Every tool call as far as it is written, this piece included; where `so_far` is."""
    end: bool = False
    """The attempt has no more text; the piece itself has none."""

    def fields(self) -> dict[str, str]:
        """As Redis keeps it; the number is the entry's id."""
        if self.end:
            return {"end": "1"}
        if self.event:
            found = {"event": self.event, "data": json.dumps(self.data)}
        else:
            found = {"call": str(self.call), "label": self.label, "text": self.text}
        if self.tool_call is not None:
            found["tool_call"] = json.dumps(self.tool_call.shown())
        if self.so_far is not None:
            found |= {"so_far": json.dumps(self.so_far), "items": json.dumps(self.items)}
            found["tool_calls"] = json.dumps(self.tool_calls)
        return found

    @classmethod
    def parse(cls, entry_id: str, fields: Mapping[str, str]) -> "Piece":
        so_far = fields.get("so_far")
        return cls(
            number=int(entry_id.partition("-")[0]),
            call=int(fields.get("call", "0")),
            label=fields.get("label", ""),
            text=fields.get("text", ""),
            tool_call=CallPiece.parse(json.loads(fields["tool_call"])) if "tool_call" in fields else None,
            event=fields.get("event", ""),
            data=json.loads(fields["data"]) if "data" in fields else None,
            so_far=tuple(json.loads(so_far)) if so_far is not None else None,
            items=tuple(json.loads(fields.get("items", "[]"))),
            tool_calls=tuple(json.loads(fields.get("tool_calls", "[]"))),
            end="end" in fields,
        )


def stream_key(job_id: UUID, fence: int) -> str:
    """Where the pieces of one attempt are."""
    return f"sightline:live:{job_id.hex}:{fence}"


def wanted_key(job_id: UUID) -> str:
    """Set while somebody reads the job's stream."""
    return f"sightline:wanted:{job_id.hex}"


def want(job_id: UUID) -> None:
    """Ask the job's worker for its pieces. Without Redis there are none, and the stream shows the transitions."""
    try:
        call(lambda redis: redis.set(wanted_key(job_id), "1", ex=TTL_S))
    except RedisAway as error:
        log.warning("event=stream_not_wanted reason=%r", str(error))
