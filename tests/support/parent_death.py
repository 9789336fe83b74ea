"""Servers of the tests end with the tests, however those end."""

import ctypes
import signal

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def end_with_parent() -> None:
    """For `Popen(preexec_fn=…)`: the kernel sends SIGINT when the thread that started the server is gone (Linux)."""
    if hasattr(_libc, "prctl"):
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
