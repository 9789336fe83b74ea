"""Wake-ups: messages that tell a Celery queue to look for its next job. Losing one costs a second, never a job.

Every submission sends one, and they differ in nothing but their ids. So Celery makes the first message of a queue, and
the others are copies, pushed in one round trip: making each anew costs a submission a sixth of its CPU.
"""

import base64
import json
import logging
import uuid
from functools import cache

from sightline.celery import app, task_name
from sightline.redis_client import RedisAway, call
from sightline.telemetry import lifecycle

log = logging.getLogger(__name__)

_TASK_ID, _TAG = "<task id>", "<delivery tag>"


def publish(*, queue: str, count: int = 1) -> bool:
    """Send wake-ups to a queue; False when the broker is away (the sweeper will send them)."""
    messages = [message(queue=queue) for _ in range(count)]
    try:
        if messages:
            call(lambda redis: redis.lpush(queue, *messages))
    except RedisAway as error:
        log.warning("event=wakeup_not_sent queue=%s reason=%r", queue, str(error))
        return False
    return True


def message(*, queue: str) -> str:
    """A message as kombu's Redis transport writes it, with ids of its own."""
    return _template(queue).replace(_TASK_ID, str(uuid.uuid4())).replace(_TAG, str(uuid.uuid4()))


@cache
def _template(queue: str) -> str:
    made = app.amqp.create_task_message(_TASK_ID, task_name(queue), args=[queue], ignore_result=True)
    envelope = {
        "body": base64.b64encode(json.dumps(made.body).encode()).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": made.headers,
        "properties": {
            **made.properties,
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": queue},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": _TAG,
        },
    }
    return json.dumps(envelope)


def fill(*, queue: str, due: int) -> int:
    """Send the wake-ups that a queue lacks of those `due`; how many that were, 0 while the broker is away."""
    if not due:
        return 0
    try:
        missing = due - waiting(queue=queue)
    except RedisAway:
        return 0
    if missing <= 0 or not publish(queue=queue, count=missing):
        return 0
    lifecycle.topped_up(queue=queue, count=missing)
    return missing


def waiting(*, queue: str) -> int:
    """Wake-ups that wait in a queue. `RedisAway` when nobody can tell."""
    return int(call(lambda redis: redis.llen(queue)))
