"""A worker follows its group's row: which queue it consumes and how many seats it has.

The claim is what keeps a closed group from taking jobs; this step keeps it from eating the wake-ups that other
groups could use. It reads the row instead of being told, so a lost message or a flushed Redis changes nothing.
"""

import logging
from typing import Any

from celery import bootsteps
from django.db import Error, connection

from sightline.celery import probation_queue, queue_name
from sightline.fleet.models import Group, Intake
from sightline_workers.membership import Membership, membership
from sightline_workers.seats import seats

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.5


class IntakeStep(bootsteps.StartStopStep):
    """Runs in the consumer's own loop, where adding and cancelling queues is safe."""

    requires = {"celery.worker.consumer.tasks:Tasks"}

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._member = membership()
        self._timer: Any = None

    def start(self, consumer: Any) -> None:
        if self._member is not None:
            self._follow(consumer, self._member)
            self._timer = consumer.timer.call_repeatedly(LOOK_EVERY_S, self._follow, [consumer, self._member])

    def stop(self, consumer: Any) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _follow(self, consumer: Any, member: Membership) -> None:
        try:
            row = Group.objects.filter(pk=member.group).values_list("intake", "seats").first()
        except Error as error:
            log.warning("event=intake_unknown reason=%r", str(error))
            connection.close()
            return
        intake, by_kind = row or (Intake.CLOSED, {})
        count = min(int(by_kind.get(member.kind, member.seats)), member.most_seats)
        self._resize(consumer, max(1, count))  # one for suspects; without seats its own queue is not consumed
        own = queue_name(member.kind, member.tag)
        suspects = probation_queue(member.tag)
        wanted = {
            own: intake == Intake.OPEN and count > 0,
            suspects: intake == Intake.PROBATION and member.tests_suspects,
        }
        for queue, wants in wanted.items():
            consumes = consumer.task_consumer is not None and consumer.task_consumer.consuming_from(queue)
            if wants and not consumes:
                consumer.add_task_queue(queue)
            elif consumes and not wants:
                consumer.cancel_task_queue(queue)

    def _resize(self, consumer: Any, count: int) -> None:
        seats().resize(count)
        if consumer.pool.limit == count or consumer.qos is None:
            return
        # What Celery computes its prefetch counts from after a lost connection, and what Flower shows. The pool
        # itself has threads for more.
        consumer.pool.limit = count
        consumer.initial_prefetch_count = consumer.qos.value = count
        consumer.qos.set(count)
