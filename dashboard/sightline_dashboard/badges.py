"""A state as a colour, a symbol and its word: the colour alone would not reach everybody."""

from dataclasses import dataclass

from django.utils.html import format_html
from django.utils.safestring import SafeString

from sightline.alerts.models import AlertState
from sightline.fleet.models import EngineState, Intake
from sightline.jobs.status import AttemptOutcome, Status
from sightline.triage.models import BulkState, CauseState
from sightline.webhooks.models import DeliveryState


@dataclass(frozen=True, kw_only=True)
class Look:
    """How a state looks."""

    tone: str
    """good, busy, wait, warn, bad or idle: a class of the style sheet."""
    symbol: str
    """One character, hidden from screen readers."""


_WAIT = Look(tone="wait", symbol="◷")
_BUSY = Look(tone="busy", symbol="▶")
_GOOD = Look(tone="good", symbol="✓")
_WARN = Look(tone="warn", symbol="◐")
_BAD = Look(tone="bad", symbol="✕")
_IDLE = Look(tone="idle", symbol="–")
_BLOCKED = Look(tone="bad", symbol="⊘")

LOOKS: dict[str, Look] = {
    Status.QUEUED: _WAIT,
    Status.RUNNING: _BUSY,
    Status.SUCCEEDED: _GOOD,
    Status.INCOMPLETE: _WARN,
    Status.FAILED: _BAD,
    Status.CANCELLED: _IDLE,
    Status.EXPIRED: _WARN,
    Status.QUARANTINED: _BLOCKED,
    AttemptOutcome.PERMANENT: _BAD,
    AttemptOutcome.TRANSIENT: _WARN,
    AttemptOutcome.CRASH: _BAD,
    AttemptOutcome.RELEASED: _IDLE,
    EngineState.STARTING: _WAIT,
    EngineState.LIVE: _GOOD,
    EngineState.HUNG: _BAD,
    EngineState.RESTARTING: _WARN,
    EngineState.STOPPED: _IDLE,
    Intake.OPEN: _GOOD,
    Intake.PROBATION: _WARN,
    Intake.CLOSED: _IDLE,
    CauseState.ACKNOWLEDGED: _BUSY,
    CauseState.RESOLVED: _GOOD,
    CauseState.REGRESSED: Look(tone="bad", symbol="↻"),
    BulkState.FROZEN: _WAIT,
    BulkState.CANARY: _BUSY,
    BulkState.HALTED: _WARN,
    BulkState.DONE: _GOOD,
    BulkState.STOPPED: _IDLE,
    AlertState.PENDING: _WAIT,
    AlertState.FIRING: Look(tone="bad", symbol="▲"),
    DeliveryState.SENDING: _BUSY,
    DeliveryState.DELIVERED: _GOOD,
}


def badge(state: str, word: str = "") -> SafeString:
    """The badge of a job's status, an attempt's outcome, an engine's state or an intake."""
    look = LOOKS.get(state, _IDLE)
    return format_html(
        '<span class="sl-badge sl-{}"><span aria-hidden="true">{}</span> {}</span>',
        look.tone,
        look.symbol,
        word or state.replace("_", " ").capitalize(),
    )


def cause_badge(state: CauseState | str) -> SafeString:
    """The badge of a cause's state; its `open` is a trouble, an intake's is none."""
    return badge(Status.FAILED, "Open") if state == CauseState.OPEN else badge(state)
