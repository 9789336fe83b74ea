"""Deliver webhooks from a worker process: a few at a time, until nothing is due."""

import logging
import threading

from django.db import Error, connection

from sightline.webhooks.services.deliver import deliver_next

log = logging.getLogger(__name__)


class Deliverer:
    """Delivers for one worker process; its methods are called from many threads."""

    def __init__(self, *, at_once: int) -> None:
        # Receivers that never answer must leave threads to the preparation of jobs.
        self._places = threading.Semaphore(at_once)
        self._stopping = threading.Event()

    def run(self) -> int:
        """Deliver until nothing is due; how many attempts were made. 0 as well when all places are taken."""
        if not self._places.acquire(blocking=False):
            return 0
        made = 0
        try:
            while not self._stopping.is_set() and deliver_next() is not None:
                made += 1
            return made
        except Error as error:
            # A delivery that was claimed is due again when its lease ends.
            log.warning("event=delivery_interrupted reason=%r", str(error))
            connection.close()
            return made
        finally:
            self._places.release()

    def stop(self) -> None:
        """End after the attempts that are being made."""
        self._stopping.set()
