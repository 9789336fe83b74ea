"""`sightline demo`: the platform with one job of each kind, on pictures drawn here."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from sightline.cli.platform_run import Running
    from sightline.client import Client, Job

JOB_TIMEOUT_S = 300.0
MAX_TOKENS = 256
QUESTIONS = ("Who are you?", "What can you do?", "Repeat: Gate B12")
"""The lines of the batch to try, one request each."""

SHIPPED = (
    "These answers are those of the small model that ships: it knows drawings like these and nothing else. For real\n"
    "documents and screenshots set SIGHTLINE_MODELS to one of Qwen's own, on a GPU or, slowly, on a CPU:\n"
    """  export SIGHTLINE_MODELS='{"qwen3-vl-4b": {"checkpoint": "Qwen/Qwen3-VL-4B-Instruct"}}'\n"""
)
"""What the demo says at its end, unless another model answered."""


@dataclass(frozen=True, kw_only=True)
class Example:
    """One job of the demo."""

    kind: str
    image: Path
    input: Mapping[str, Any]
    """Without its image."""
    expected: str
    """What is to be seen in the picture, in words."""

    @property
    def question(self) -> str:
        asked = self.input.get("instruction") or self.input.get("prompt")
        return f" — {asked}" if asked else ""


@click.command()
@click.option("--once", is_flag=True, help="End after the jobs; exit code 0 only if all of them succeeded.")
@click.option("--twin", is_flag=True, help="With the simulated engine instead of vLLM: answers mean nothing.")
@click.option("-v", "--verbose", is_flag=True, help="Show the engine's and Redis's whole output, too.")
def demo(once: bool, twin: bool, verbose: bool) -> None:
    """Start everything, run an ocr, a gui and a chat job, show their results, and stay until Ctrl-C."""
    import django

    django.setup()
    from django.conf import settings

    from sightline.cli.platform_run import run

    def show(running: Running) -> int | None:
        examples = draw(settings.HOME / "demo")
        write_to_try(settings.HOME, model=settings.DEFAULT_MODEL)
        succeeded = run_examples(running, examples)
        # The model of the first tag is the one that ships where no checkpoint is named.
        named = "checkpoint" in settings.MODELS[settings.DEFAULT_MODEL]
        if not (twin or settings.ENGINE_URLS or named):
            running.screen.say(SHIPPED)
        return (0 if succeeded else 1) if once else None

    code = run(twin=twin, twin_options=(), verbose=verbose, then=show)
    sys.exit(code)


def draw(folder: Path) -> list[Example]:
    """Draw the three pictures into `folder`."""
    from sightline_workers.models.drawing.demo import demo_images

    folder.mkdir(parents=True, exist_ok=True)
    examples = []
    for kind, drawn in demo_images().items():
        path = folder / f"{kind}.png"
        drawn.image.save(path)
        asked = {
            "ocr": {"mode": "text"},
            "gui": {"instruction": drawn.prompt},
            "chat": {"prompt": drawn.prompt},
        }
        expected = f"the button {drawn.text} at {drawn.box}" if drawn.box else drawn.text
        examples.append(Example(kind=kind, image=path, input=asked[kind], expected=expected))
    return examples


def write_to_try(home: Path, *, model: str) -> None:
    """What the README's commands take: a folder of pages, and a batch file unless there is one already."""
    from sightline_workers.models.drawing.demo import demo_pages

    pages = home / "demo" / "pages"
    pages.mkdir(parents=True, exist_ok=True)
    for name, drawn in demo_pages().items():
        drawn.image.save(pages / f"{name}.png")
    requests = home / "requests.jsonl"
    if not requests.exists():
        lines = (_request(number, text, model) for number, text in enumerate(QUESTIONS, start=1))
        requests.write_text("".join(json.dumps(line) + "\n" for line in lines))


def _request(number: int, text: str, model: str) -> dict[str, Any]:
    """A line of OpenAI's batch file."""
    body = {"model": model, "messages": [{"role": "user", "content": text}], "max_tokens": 64}
    return {"custom_id": f"line-{number}", "method": "POST", "url": "/v1/chat/completions", "body": body}


def run_examples(running: Running, examples: list[Example]) -> bool:
    """Submit all at once, show each result; whether every job succeeded."""
    from sightline.client import Client, ClientError

    say = running.screen.say
    succeeded = True
    with Client(url=running.url, key=running.key) as client:
        jobs = []
        for example in examples:
            images = [{"upload_id": client.upload(example.image)}]
            params = {"temperature": 0, "max_tokens": MAX_TOKENS}
            jobs.append(client.submit(example.kind, {**example.input, "images": images}, params=params))
        for example, job in zip(examples, jobs, strict=True):
            try:
                ended = _wait(client, job.id, running.stop)
            except ClientError as error:
                say(f"{example.kind}: {error}")
                succeeded = False
                continue
            succeeded &= ended.status == "succeeded"
            _show(running, example, ended)
    return succeeded


def _wait(client: Client, job_id: str, stop: threading.Event) -> Job:
    """The job once it ended; as it is when the time is over or the platform stops."""
    job = client.job(job_id)
    for _ in range(int(JOB_TIMEOUT_S / 2)):
        if job.ended or stop.is_set():
            break
        job = client.wait(job_id, timeout_s=2.0)
    return job


def _show(running: Running, example: Example, job: Job) -> None:
    from rich.text import Text

    from sightline.cli.result_text import result_text

    good = job.status == "succeeded"
    timings = job.document.get("timings_ms") or {}
    total = f" in {timings['total']:.0f} ms" if timings.get("total") is not None else ""
    say = running.screen.say
    say(Text(f"{example.kind}  {job.status}{total}  {job.id}", style="bold green" if good else "bold red"))
    say(f"  image   {example.image}{example.question}")
    say(Text("  result  " + result_text(job).replace("\n", "\n          ")))
    say(Text("  drawn   " + example.expected.replace("\n", "\n          "), style="dim"))
    say(f"  details {running.url}/admin/jobs/job/{job.id}/change/\n")
