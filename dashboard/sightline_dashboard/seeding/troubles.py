"""What goes wrong in the seeded jobs, the most frequent first."""

from sightline.jobs.status import AttemptOutcome
from sightline_dashboard.seeding.writing import Trouble

BUSY = Trouble(
    outcome=AttemptOutcome.TRANSIENT,
    code="engine_busy",
    message="The engine's queue is full (503).",
    error_type="EngineError",
    phase="engine",
    frames=(
        "sightline_workers/attempt.py:151 _converse",
        "sightline_workers/engines/openai_http.py:142 stream",
    ),
)
DIED = Trouble(
    outcome=AttemptOutcome.CRASH,
    code="engine_died",
    message="The engine died while the job was aboard: CUDA error: an illegal memory access was encountered",
    error_type="EngineError",
    phase="engine",
    frames=(
        "sightline_workers/attempt.py:151 _converse",
        "sightline_workers/engines/openai_http.py:188 _read",
    ),
)
UNPARSEABLE = Trouble(
    outcome=AttemptOutcome.PERMANENT,
    code="output_unparseable",
    message="action must be one of key, type, mouse_move, left_click, right_click; got 'press_button'",
    error_type="UnusableOutput",
    phase="parse",
    frames=("sightline/kinds/gui/answer.py:58 parse", "sightline/kinds/gui/kind.py:126 _repaired"),
    said=(
        "Action: Press the blue button.\n<tool_call>\n"
        '{"name": "computer_use", "arguments": {"action": "press_button", "text": "Save"}}\n</tool_call>',
    ),
)


def _permanent(code: str, message: str, phase: str, error_type: str) -> Trouble:
    return Trouble(
        outcome=AttemptOutcome.PERMANENT, code=code, message=message, error_type=error_type, phase=phase
    )


ALL = (
    BUSY,
    UNPARSEABLE,
    _permanent(
        "engine_refused",
        "CUDA out of memory. Tried to allocate 2.00 GiB on GPU 1.",
        "engine",
        "EngineError",
    ),
    DIED,
    _permanent("context_too_long", "The prompt has 41,313 tokens; 32,768 fit.", "engine", "EngineError"),
    *(
        _permanent("fetch_failed", f"{host} answered {status}.", "prepare", "FetchFailed")
        for status in (404, 403, 502)
        for host in ("images.acme.example", "cdn.globex.example", "scans.initech.example", "files.example")
    ),
    *(
        _permanent(
            "output_unparseable", f"field {name!r} is missing in the answer", "parse", "UnusableOutput"
        )
        for name in ("total", "date", "invoice_number", "vat", "iban", "customer", "due_date", "currency")
    ),
    *(
        _permanent("unsupported_media", f"{name} is no image that can be read", "prepare", "MediaRefused")
        for name in ("HEIC with two layers", "a PDF", "a TIFF of 16 bits", "an SVG", "an empty file")
    ),
)
