"""Notice that the `make` above us was told to stop, when nobody told us.

A terminal's Ctrl-C reaches make and its commands alike, and on SIGTERM make passes it on. But a SIGINT or SIGHUP
sent to make alone lets it wait for its commands, for ever, and a killed make leaves them running. While make's
handler runs, the kernel shows the signal as blocked (proc(5), SigBlk).
"""

import os
import signal
import threading

from sightline.processes.table import PROC

EVERY_S = 0.5
_FATAL = sum(1 << (number - 1) for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT))


def stop_with_make(stop: threading.Event) -> None:
    """Set `stop` once the make that runs us is gone or stopping; does nothing when no make runs us."""
    parent = os.getppid()
    if _status(parent).get("Name") not in ("make", "gmake"):
        return

    def watch() -> None:
        while not stop.wait(EVERY_S):
            if os.getppid() != parent or int(_status(parent).get("SigBlk", "0"), 16) & _FATAL:
                stop.set()

    threading.Thread(target=watch, name="watch-make", daemon=True).start()


def _status(pid: int) -> dict[str, str]:
    try:
        lines = (PROC / str(pid) / "status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return {}
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
