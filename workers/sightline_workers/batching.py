"""Work on batches from a worker process: their requests become jobs, a piece at a time."""

import logging
import threading

from django.db import Error, connection

from sightline.api.openai.batch_lines import Lines
from sightline.batches.services.work import work_next
from sightline.errors import Problem

log = logging.getLogger(__name__)

AT_ONCE = 2
"""Batches at once: the others wait as rows, and threads are left to fetches and deliveries."""


class Batcher:
    """Works for one process; its methods are called from many threads."""

    def __init__(self) -> None:
        self._places = threading.Semaphore(AT_ONCE)
        self._stopping = threading.Event()
        self._surface = Lines()

    def run(self) -> int:
        """Until no batch is due; how many there were. 0 as well when all places are taken."""
        if not self._places.acquire(blocking=False):
            return 0
        done = 0
        try:
            while not self._stopping.is_set():
                if work_next(surface=self._surface, stopping=self._stopping.is_set) is None:
                    break
                done += 1
            return done
        except (Error, OSError, Problem) as error:
            # The batch is due again when its lease ends; what was not committed never happened.
            log.warning("event=batch_interrupted reason=%r", str(error))
            connection.close()
            return done
        finally:
            self._places.release()

    def stop(self) -> None:
        """End after the step that is being taken."""
        self._stopping.set()
