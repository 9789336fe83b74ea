"""`sightline submit`: images in, results out."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import click

IMAGE = click.Path(exists=True, dir_okay=False, path_type=Path)


class Asked(NamedTuple):
    """One job to submit."""

    name: str
    """What people call it: the file's name, or the kind."""
    images: Sequence[Path]
    input: Mapping[str, Any]


def shared_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every kind."""
    options = (
        click.option("--model", help="Model tag; default the server's."),
        click.option(
            "--param", "params", multiple=True, metavar="NAME=VALUE", help="Such as max_tokens=512."
        ),
        click.option("--tag", "tags", multiple=True, help="A tag on the job; repeatable."),
        click.option(
            "-o", "--output", type=click.Path(file_okay=False, path_type=Path), help="Save results here."
        ),
        click.option("--json", "as_json", is_flag=True, help="Whole jobs as JSON, one a line."),
        click.option("--no-wait", is_flag=True, help="Print the jobs' ids and leave."),
        click.option(
            "--timeout", type=click.FloatRange(min=0), help="Seconds to wait at most; default: no limit."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.group()
def submit() -> None:
    """Submit images and show the results. The server is SIGHTLINE_URL, the key SIGHTLINE_KEY."""


@submit.command()
@click.argument("images", nargs=-1, required=True, type=IMAGE)
@click.option("--mode", type=click.Choice(["text", "markdown", "html", "boxes", "kie"]), default="text")
@click.option("--fields", help="For kie: a JSON object, or names between commas.")
@click.option("--together", is_flag=True, help="One job with a page per image, instead of a job each.")
@shared_options
def ocr(images: tuple[Path, ...], mode: str, fields: str | None, together: bool, **options: Any) -> None:
    """Read the text in IMAGES."""
    wanted: dict[str, Any] = {"mode": mode}
    if fields is not None:
        wanted["fields"] = _fields(fields)
    groups = [images] if together else [(image,) for image in images]
    _run("ocr", [Asked(group[0].name, group, wanted) for group in groups], **options)


@submit.command()
@click.argument("screenshot", type=IMAGE)
@click.argument("instruction")
@click.option("--tool", type=click.Choice(["computer_use", "mobile_use"]), default="computer_use")
@shared_options
def gui(screenshot: Path, instruction: str, tool: str, **options: Any) -> None:
    """The next action on SCREENSHOT that follows the INSTRUCTION."""
    _run("gui", [Asked(screenshot.name, [screenshot], {"instruction": instruction, "tool": tool})], **options)


@submit.command()
@click.argument("question")
@click.argument("images", nargs=-1, type=IMAGE)
@shared_options
def chat(question: str, images: tuple[Path, ...], **options: Any) -> None:
    """Answer a QUESTION, about IMAGES if any are given."""
    _run("chat", [Asked("chat", images, {"prompt": question})], **options)


def _run(
    kind: str,
    asked: Sequence[Asked],
    *,
    model: str | None,
    params: Sequence[str],
    tags: Sequence[str],
    output: Path | None,
    as_json: bool,
    no_wait: bool,
    timeout: float | None,
) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from sightline.cli.connection import connected
    from sightline.client import Job

    envelope: dict[str, Any] = {"params": _params(params)}
    if model:
        envelope["model"] = model
    if tags:
        envelope["tags"] = list(tags)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    jobs: list[Job] = []
    with ExitStack() as stack:
        client = stack.enter_context(connected())
        # On standard error, so that results can be piped; gone when it is done.
        bar = stack.enter_context(Progress(*columns, console=Console(stderr=True), transient=True))
        sending = bar.add_task("submitting", total=len(asked))
        for one in asked:
            images = [{"upload_id": client.upload(image)} for image in one.images]
            jobs.append(
                client.submit(kind, {**one.input, **({"images": images} if images else {})}, **envelope)
            )
            bar.advance(sending)
        if no_wait:
            bar.stop()
            for job in jobs:
                click.echo(json.dumps(job.document) if as_json else job.id)
            return
        waiting = bar.add_task("waiting", total=len(jobs))
        for index, job in enumerate(jobs):
            jobs[index] = job if job.ended else client.wait(job.id, timeout_s=timeout)
            bar.advance(waiting)
    for one, job in zip(asked, jobs, strict=True):
        _show(one, job, folder=output, as_json=as_json, alone=len(jobs) == 1)
    bad = [job for job in jobs if job.status != "succeeded"]
    if bad:
        raise click.ClickException(f"{len(bad)} of {len(jobs)} jobs did not succeed.")


def _show(one: Asked, job: Any, *, folder: Path | None, as_json: bool, alone: bool) -> None:
    from sightline.cli.result_text import result_text

    text = json.dumps(job.document, ensure_ascii=False) if as_json else result_text(job)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{one.name}.{job.id}.{'json' if as_json else 'txt'}"
        file.write_text(text + "\n")
        click.echo(str(file))
        return
    if not as_json and not alone:
        click.secho(f"{one.name} · {job.id} · {job.status}", bold=True)
    click.echo(text)


def _fields(text: str) -> Any:
    """kie's fields: a JSON object as it is, names as an object with empty values."""
    if not text.lstrip().startswith(("{", "[")):
        return {name.strip(): "" for name in text.split(",") if name.strip()}
    try:
        return json.loads(text)
    except ValueError as error:
        raise click.BadParameter(f"no JSON: {error}", param_hint="--fields") from error


def _params(pairs: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator:
            raise click.BadParameter(f"{pair!r} is not NAME=VALUE.", param_hint="--param")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found
