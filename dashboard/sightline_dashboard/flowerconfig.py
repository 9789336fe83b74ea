"""Flower's settings, read by `celery -A sightline.celery flower --conf=<this file>`.

Names are Flower's options. A password is required: Flower shows hosts, queues and results to whoever reaches it.
"""

import hashlib
import hmac
import os
import re

from django.conf import settings


def _credentials() -> list[str]:
    """`user:password`, from FLOWER_BASIC_AUTH (what `sightline up` sets) or from SIGHTLINE_FLOWER_PASSWORD[_FILE]."""
    given = os.environ.get("FLOWER_BASIC_AUTH", "")
    if not given and settings.FLOWER_PASSWORD:
        given = f"{settings.FLOWER_USER}:{settings.FLOWER_PASSWORD}"
    pairs = [pair for pair in given.split(",") if pair]
    if not pairs or not all(re.fullmatch(r"[^:]+:.+", pair) for pair in pairs):
        raise SystemExit(
            "Flower does not start without a password. Set SIGHTLINE_FLOWER_PASSWORD (or _FILE), or"
            " FLOWER_BASIC_AUTH=user:password."
        )
    if os.environ.get("FLOWER_UNAUTHENTICATED_API", "").lower() in ("1", "true", "yes", "on"):
        raise SystemExit(
            "Flower does not start with FLOWER_UNAUTHENTICATED_API: its API names hosts and results."
        )
    return pairs


def _cookie_secret() -> str:
    """Of its own, yet the same after a restart."""
    return hmac.new(settings.SECRET_KEY.encode(), b"flower cookie", hashlib.sha256).hexdigest()


def format_task(task):  # type: ignore[no-untyped-def]
    """The result as `job_… succeeded` instead of a dictionary: the job's id is what the admin's search takes."""
    found = re.search(r"'job': '(job_\w+)', 'status': '([\w ]+)'", str(task.result or ""))
    if found:
        task.result = f"{found[1]} {found[2]}"
    elif task.state == "SUCCESS" and str(task.result) == "None":
        task.result = "surplus wake-up"
    return task


basic_auth = _credentials()
cookie_secret = _cookie_secret()
address = settings.HOST
port = settings.FLOWER_PORT
url_prefix = "flower"  # as the web shows it, so that its own links are right there
xheaders = settings.BEHIND_PROXY

# Jobs are cancelled, paused and drained through the platform's services, never behind their back.
read_only = True

# The database holds the history; what Flower remembers may go with it.
persistent = False
max_tasks = 10_000
purge_offline_workers = 300

natural_time = True
auto_refresh = True
tasks_columns = "state,args,result,worker,runtime,received,uuid"
