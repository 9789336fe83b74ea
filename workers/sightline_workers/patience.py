"""Writing an ending patiently: a database that is away for a moment must not cost finished work."""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from django.conf import settings
from django.db import Error, connection

T = TypeVar("T")

log = logging.getLogger(__name__)

_PAUSE_S = 0.5


def patiently(write: Callable[[], T], *, job: str) -> T | None:
    """What `write` returns, tried for four leases; None when the database stayed away, and the lease lapses.

    The write must be fenced: if a commit succeeded and only its answer was lost, the repetition is refused.
    """
    deadline = time.monotonic() + settings.LEASE_S * 4
    while True:
        try:
            return write()
        except Error as error:
            log.warning("event=finish_retried job=%s reason=%r", job, str(error))
            connection.close()
            if time.monotonic() > deadline:
                return None
            time.sleep(_PAUSE_S)
