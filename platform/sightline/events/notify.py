"""Tell who waits. Written first, then published: a waiter subscribes, reads the row, then waits."""

import json
import logging
from collections.abc import Sequence
from uuid import UUID

from redis import Redis

from sightline import ids
from sightline.redis_client import RedisAway, call

log = logging.getLogger(__name__)

ABORTS = "sightline:aborts"
"""Workers listen here for jobs that they must stop at once."""
_ENDED = "sightline:ended:"
_BATCH = "sightline:moved:"


def ended_channel(job_id: UUID) -> str:
    return _ENDED + ids.encode(ids.JOB, job_id)


def batch_channel(batch_id: UUID) -> str:
    return _BATCH + ids.encode(ids.BATCH, batch_id)


def ended(*, job_id: UUID, status: str) -> None:
    """Wake the waiters of a job. A lost message costs them a look at the database a second later."""
    _publish(ended_channel(job_id), {"status": str(status)})


def ended_all(*, job_ids: Sequence[UUID], status: str) -> None:
    """`ended` for many jobs that ended in one transaction, in one round trip."""
    message = json.dumps({"status": str(status)})

    def send(redis: Redis) -> None:
        pipeline = redis.pipeline(transaction=False)
        for job_id in job_ids:
            pipeline.publish(ended_channel(job_id), message)
        pipeline.execute()

    try:
        call(send)
    except RedisAway as error:
        log.warning("event=notices_not_sent count=%d reason=%r", len(job_ids), str(error))


def batch_moved(*, batch_id: UUID) -> None:
    """Wake those who follow a batch. A lost message costs them a look at the database a few seconds later."""
    _publish(batch_channel(batch_id), {"moved": "1"})


def abort(*, job_id: UUID) -> None:
    """Stop the attempt, wherever it runs. A lost message costs a second: workers also look at their claims."""
    _publish(ABORTS, {"job": ids.encode(ids.JOB, job_id)})


def _publish(channel: str, message: dict[str, str]) -> None:
    try:
        call(lambda redis: redis.publish(channel, json.dumps(message)))
    except RedisAway as error:
        log.warning("event=notice_not_sent channel=%s reason=%r", channel, str(error))
