"""The request that would submit a job once more."""

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sightline.jobs.models import Job
from sightline_dashboard.jobpage.images import Shown


@dataclass(frozen=True, kw_only=True)
class Request:
    """The same request in three forms."""

    body: dict[str, Any]
    curl: str
    python: str
    complete: bool
    """False: an image is no longer stored, so its place holds a placeholder."""


def request_of(job: Job, images: list[Shown], *, base_url: str) -> Request:
    """Images are named by their upload ids; the key stays a variable of the shell."""
    body: dict[str, Any] = {
        "kind": job.kind,
        "model": job.model,
        "input": _unbound(job.input, iter(images)),
        "params": job.params,
    }
    if job.tags:
        body["tags"] = job.tags
    if job.metadata:
        body["metadata"] = job.metadata
    data = shlex.quote(json.dumps(body, ensure_ascii=False))
    curl = (
        f"curl -sS {shlex.quote(base_url + '/api/v1/jobs')} \\\n"
        '  -H "Authorization: Bearer $SIGHTLINE_KEY" \\\n'
        "  -H 'Content-Type: application/json' -H 'Prefer: wait=30' \\\n"
        f"  -d {data}"
    )
    return Request(
        body=body,
        curl=curl,
        python=_python(body, base_url),
        complete=all(image.upload_id for image in images),
    )


def _python(body: dict[str, Any], base_url: str) -> str:
    """A call of our client; literals of Python, whatever the texts hold."""
    more = {name: body[name] for name in ("model", "params", "tags", "metadata") if body.get(name)}
    arguments = "".join(f",\n    {name}={value!r}" for name, value in more.items())
    return (
        "import os\n\nfrom sightline.client import Client\n\n"
        f"client = Client(url={base_url!r}, key=os.environ['SIGHTLINE_KEY'])\n"
        f"job = client.run(\n    {body['kind']!r},\n    {body['input']!r}{arguments},\n)\n"
        "print(job.output)"
    )


def _unbound(value: Any, images: Iterator[Shown]) -> Any:
    """The bound input with every media object turned back into a reference."""
    if isinstance(value, list):
        return [_unbound(item, images) for item in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("media"), dict):
        image = next(images, None)
        reference = {"upload_id": (image.upload_id if image else "") or "up_the_image_is_no_longer_stored"}
        return {"type": "image_url", "image_url": reference} if value.get("type") == "image" else reference
    return {name: _unbound(item, images) for name, item in value.items()}
