"""What a worker tells Flower of its tasks goes out a few times a second, not after each of them.

Celery publishes what has gathered in every turn of its loop, which on a busy worker is once or twice for each task and
was an eighth of its CPU.
"""

from typing import Any

from celery import bootsteps

EVERY_S = 0.25
_MOST = 500
"""Events that wait at most; more go out at once."""


class TaskEventsStep(bootsteps.StartStopStep):
    """Takes over when the events of tasks are published."""

    requires = {"celery.worker.consumer.events:Events"}

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._timer: Any = None

    def start(self, consumer: Any) -> None:
        dispatcher = consumer.event_dispatcher
        dispatcher.on_send_buffered, dispatcher.buffer_limit = None, _MOST
        self._timer = consumer.timer.call_repeatedly(EVERY_S, dispatcher.flush)

    def stop(self, consumer: Any) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
