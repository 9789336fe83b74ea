"""A worker follows its group's row: which queue it consumes depends on the group's intake.

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
            intake = Group.objects.filter(pk=member.group).values_list("intake", flat=True).first()
        except Error as error:
            log.warning("event=intake_unknown reason=%r", str(error))
            connection.close()
            return
        own = queue_name(member.kind, member.tag)
        suspects = probation_queue(member.tag)
        wanted = {
            own: intake == Intake.OPEN,
            suspects: intake == Intake.PROBATION and member.tests_suspects,
        }
        for queue, wants in wanted.items():
            consumes = consumer.task_consumer is not None and consumer.task_consumer.consuming_from(queue)
            if wants and not consumes:
                consumer.add_task_queue(queue)
            elif consumes and not wants:
                consumer.cancel_task_queue(queue)
