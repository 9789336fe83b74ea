"""Wake-ups: messages that tell a Celery queue to look for its next job. Losing one costs a second, never a job."""

import logging

from kombu.exceptions import OperationalError

from sightline.celery import app, task_name
from sightline.redis_client import FAILURES, RedisAway, breaker, call

log = logging.getLogger(__name__)


def publish(*, queue: str, count: int = 1) -> bool:
    """Send wake-ups to a queue; False when the broker is away (the sweeper will send them)."""
    try:
        breaker.call(lambda: _send(queue, count), (OperationalError, *FAILURES))
    except RedisAway as error:
        log.warning("event=wakeup_not_sent queue=%s reason=%r", queue, str(error))
        return False
    return True


def _send(queue: str, count: int) -> None:
    with app.producer_or_acquire() as producer:
        for _ in range(count):
            app.send_task(task_name(queue), args=[queue], queue=queue, producer=producer)


def waiting(*, queue: str) -> int:
    """Wake-ups that wait in a queue. `RedisAway` when nobody can tell."""
    return int(call(lambda redis: redis.llen(queue)))
