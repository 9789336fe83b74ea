"""The cpu worker as a process: a real Celery worker, woken by real messages, and told to stop."""

import io
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from support.site import Site, answer, serving

from sightline.processes.child import Child

_SUBMIT = """
import django, sys; django.setup()
from sightline.jobs.services.submit import Submission, submit
from sightline.jobs.services.cancel import cancel
from sightline.tenants.models import Tenant
tenant, _ = Tenant.objects.get_or_create(name="acme")
job = submit(submission=Submission(
    tenant=tenant, api_key=None, kind="ocr", model="default", params={}, images=[], cost=2, max_attempts=3,
    retention_s=3600, to_fetch=1, webhook_url=sys.argv[2],
    input={"mode": "text", "images": [{"url": sys.argv[1]}]},
))
if sys.argv[3] == "cancel":
    cancel(job=job, actor="tests")
print(job.public_id)
"""
_SHOW = """
import django, json, sys; django.setup()
from sightline import ids
from sightline.jobs.models import Job
job = Job.objects.get(pk=ids.decode("job", sys.argv[1]))
print(json.dumps([job.status, job.queue, job.prepared]))
"""


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        file = io.BytesIO()
        Image.new("RGB", (64, 48), "red").save(file, "PNG")
        site.pages["/a.png"] = answer(file.getvalue())
        site.pages["/hook"] = answer()
        yield site


class Cpu:
    """A cpu worker in an environment of its own."""

    def __init__(self, env: dict[str, str], folder: Path) -> None:
        self.env = {**env, "SIGHTLINE_ALLOWED_NETWORKS": "127.0.0.0/8", "SIGHTLINE_DRAIN_S": "5"}
        self.lines: list[str] = []
        self.done = threading.Condition()
        argv = [sys.executable, "-m", "sightline", "cpu"]
        self.child = Child(name="cpu", argv=argv, env=self.env, folder=folder, on_line=self._heed, cwd=folder)

    def _heed(self, line: str) -> None:
        with self.done:
            self.lines.append(line)
            self.done.notify_all()

    def says(self, text: str, within_s: float = 90.0) -> None:
        """Until the worker logs a line with this text."""
        with self.done:
            found = self.done.wait_for(lambda: any(text in line for line in self.lines), within_s)
        assert found, self.lines

    def python(self, code: str, *arguments: str) -> str:
        argv = [sys.executable, "-c", code, *arguments]
        env = {**self.env, "SIGHTLINE_ROLE": "tool"}
        ran = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout.strip()


def test_the_worker_fetches_delivers_and_stops_when_told(
    sightline_env: dict[str, str], site: Site, tmp_path: Path
) -> None:
    cpu = Cpu(sightline_env, tmp_path)
    cpu.child.start()
    try:
        fetched = cpu.python(_SUBMIT, site.url("/a.png"), site.url("/hook"), "keep")
        cpu.says(f"event=prepared job={fetched}")
        assert json.loads(cpu.python(_SHOW, fetched)) == ["queued", "ocr.default", True]
        site.pages["/slow.png"] = lambda handler: site.released.wait(60) and None
        cancelled = cpu.python(_SUBMIT, site.url("/slow.png"), site.url("/hook"), "cancel")
        cpu.says("event=webhook_attempt")
        hook = next(seen for seen in site.seen if seen.path == "/hook")
        assert json.loads(hook.body)["data"]["id"] == cancelled
        site.released.set()
        cpu.child.stop(60.0)
        assert cpu.child.exit_code == 0
    finally:
        site.released.set()
        cpu.child.kill()
