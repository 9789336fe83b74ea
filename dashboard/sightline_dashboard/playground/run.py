"""One run of the playground: what its form held, and what came of it."""

import json
import shlex
from dataclasses import dataclass
from typing import Any

from sightline.api.native.representation import place
from sightline.jobs.models import Job
from sightline.jobs.status import ACTIVE, Status
from sightline.kinds.images import bound_media
from sightline_dashboard.jobpage.images import Shown, shown
from sightline_dashboard.jobpage.model_texts import ModelText, model_texts
from sightline_dashboard.jobpage.page import RESULTS
from sightline_dashboard.jobpage.phases import Waterfall, waterfall

RECENT = 12
_IN_FORM = ("temperature", "top_p", "max_tokens", "seed")


@dataclass(frozen=True, kw_only=True)
class Result:
    """What the job page's templates need to draw the result, and no more: this page asks few queries."""

    job: Job
    images: list[Shown]
    template: str
    result: Any
    waterfall: Waterfall | None
    said: list[ModelText]
    live: bool
    curl: str
    """One line that does the same with anybody's key and the image's file."""


def result(job: Job, *, base_url: str) -> Result:
    """One query, for the images. `base_url` is where the API is reached."""
    images = shown(job)
    template, draw = RESULTS.get(job.kind, ("sightline_dashboard/job/other.html", lambda job, images: None))
    return Result(
        job=job,
        images=images,
        template=template,
        result=draw(job, images),
        waterfall=waterfall(job.timings),
        said=model_texts(job),
        live=job.status in ACTIVE,
        curl=curl(job, base_url=base_url),
    )


def state(job: Job) -> dict[str, Any]:
    """Where the run stands; its place only while it waits."""
    shown: dict[str, Any] = {"id": job.public_id, "status": str(job.status), "ended": job.ended}
    return {**shown, "queue": place(job) if job.status == Status.QUEUED else None}


def filled(job: Job) -> dict[str, Any]:
    """The fields of the form as this run had them."""
    pixels = job.params.get("pixels") or {}
    given: dict[str, Any] = {
        "kind": job.kind,
        "model": job.model,
        "pixels_max": pixels.get("max"),
        **{name: job.params.get(name) for name in _IN_FORM},
        **{name: job.input.get(name) for name in ("instruction", "tool", "mode")},
    }
    fields = job.input.get("fields")
    if fields:
        given["fields"] = ", ".join(fields) if isinstance(fields, list) else json.dumps(fields)
    if job.kind == "chat":
        given["prompt"] = _prompt(job)
    return {name: value for name, value in given.items() if value is not None}


def _prompt(job: Job) -> str:
    """What the user said last."""
    asked = [turn for turn in job.input.get("messages") or () if turn.get("role") == "user"]
    content = asked[-1].get("content") if asked else ""
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] for part in content or () if part.get("type") == "text")


def curl(job: Job, *, base_url: str) -> str:
    """The request as a form with files: upload ids would be unknown to the tenant of another key."""
    words = [
        f"curl -sS {shlex.quote(base_url + '/api/v1/jobs')}",
        '-H "Authorization: Bearer $SIGHTLINE_KEY"',
        "-H 'Prefer: wait=30'",
    ]
    words += [
        f"--form-string {shlex.quote(f'{name}={_text(value)}')}" for name, value in _fields(job).items()
    ]
    for number, media in enumerate(bound_media(job.input), start=1):
        kind = str(media.get("mime", "image/png")).partition("/")[2]
        words.append(f"-F image=@image-{number}.{kind}")
    return " \\\n  ".join(words)


def _fields(job: Job) -> dict[str, Any]:
    found = {"kind": job.kind, "model": job.model, **job.params}
    if job.kind == "chat":
        return {**found, "prompt": _prompt(job)}
    return {**found, **{name: value for name, value in job.input.items() if name != "images" and value}}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
