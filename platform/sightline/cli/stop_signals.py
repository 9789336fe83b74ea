"""The signals that ask a process to end, as events."""

import signal
import threading
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def stop_events() -> tuple[threading.Event, threading.Event]:
    """`stop` is set by the first of SIGINT, SIGTERM and SIGHUP, `hurry` by the next.

    Handlers are set even where a signal was ignored, as a shell does for a command in the background.
    """
    stop, hurry = threading.Event(), threading.Event()

    def heed(number: int, frame: FrameType | None) -> None:
        (hurry if stop.is_set() else stop).set()

    for number in SIGNALS:
        signal.signal(number, heed)
    return stop, hurry
