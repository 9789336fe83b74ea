"""Put jobs into the database of a platform as if they had been accepted: `python backlog.py KIND COUNT UPLOAD_ID`.

Ten thousand submissions over HTTP would take most of a benchmark's time. Wake-ups are left to the sweeper's top-up
beyond those for the first few hundred, as after a flushed Redis.
"""

import sys

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.db import transaction  # noqa: E402

from sightline import ids  # noqa: E402
from sightline.celery import queue_name  # noqa: E402
from sightline.clock import After  # noqa: E402
from sightline.jobs import turns, wakeups  # noqa: E402
from sightline.jobs.models import Job, JobEvent, Turn  # noqa: E402
from sightline.kinds.registry import KINDS  # noqa: E402
from sightline.media.models import Media  # noqa: E402
from sightline.media.services import stored_image  # noqa: E402
from sightline.tenants.models import ApiKey  # noqa: E402

kind_name, count, upload_id = sys.argv[1], int(sys.argv[2]), sys.argv[3]
kind, queue = KINDS[kind_name], queue_name(kind_name, settings.DEFAULT_MODEL)
key = ApiKey.objects.select_related("tenant").get(name="bench")
media = Media.objects.get(pk=ids.decode(ids.UPLOAD, upload_id))
inputs = kind.Input.model_validate({"mode": "text", "images": [{"upload_id": upload_id}]})
bound = kind.bind(inputs, [stored_image(media)])
with transaction.atomic():
    first = turns.take(tenant_id=key.tenant_id, queue=queue, cost=kind.cost(inputs), weight=key.tenant.weight)
    step = kind.cost(inputs) * turns.UNIT
    jobs = [
        Job(
            tenant=key.tenant,
            api_key=key,
            kind=kind_name,
            model=settings.DEFAULT_MODEL,
            input=bound,
            params={"max_tokens": 64},
            images=[media.pixel_sha256],
            retention_s=settings.RETENTION_S,
            queue=queue,
            turn=first.turn + number * step,
            created_at=first.now,
        )
        for number in range(count)
    ]
    Job.objects.bulk_create(jobs, batch_size=500)
    JobEvent.objects.bulk_create(
        [JobEvent(job=job, type="job.queued", at=After(), data={}) for job in jobs], batch_size=500
    )
    Turn.objects.filter(tenant=key.tenant, queue=queue).update(last=first.turn + count * step)
wakeups.publish(queue=queue, count=min(count, 500))
