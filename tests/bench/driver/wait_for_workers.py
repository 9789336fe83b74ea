"""Wait until the workers of the named groups answer Celery's ping: `python wait_for_workers.py gpu0 gpu1`."""

import sys
import time

import django

django.setup()

from sightline.celery import app  # noqa: E402
from sightline.kinds.registry import KINDS  # noqa: E402

missing = {f"{kind}-{group}" for group in sys.argv[1:] for kind in KINDS}
until = time.monotonic() + 90
while missing:
    if time.monotonic() > until:
        sys.exit(f"not there: {', '.join(sorted(missing))}")
    # active_queues, not ping: a worker answers pings before its group's intake lets it consume.
    queues = app.control.inspect(timeout=0.5).active_queues() or {}
    for node, consumed in queues.items():
        if any(not queue["name"].startswith("idle.") for queue in consumed):
            missing.discard(node.split("@")[0])
