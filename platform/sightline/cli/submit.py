"""`sightline submit`: images in, results out."""

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sightline.cli import exit_codes
from sightline.cli.inputs import Asked, files, one_each
from sightline.cli.params import json_option, param_option, parameters, timeout_option

if TYPE_CHECKING:
    from sightline.cli.submit_many import Manner

PATH = click.Path(exists=True, path_type=Path)
IMAGE = click.Path(exists=True, dir_okay=False, path_type=Path)


def shared_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every kind."""
    options = (
        click.option("--model", help="Model tag; default the server's."),
        param_option,
        click.option(
            "--cache",
            type=click.Choice(["exact", "near", "off", "refresh"]),
            help="How earlier answers are used; default exact at temperature 0, otherwise off.",
        ),
        click.option("--tag", "tags", multiple=True, help="A tag on the job; repeatable."),
        click.option(
            "-o", "--output", type=click.Path(file_okay=False, path_type=Path), help="Save results here."
        ),
        json_option,
        click.option("--no-wait", is_flag=True, help="Print the jobs' ids and leave."),
        timeout_option,
        click.option("--follow", is_flag=True, help="Show a single job's text while it is written."),
        click.option(
            "--again", is_flag=True, help="Forget an earlier run of this command; make all jobs anew."
        ),
        click.option("--retry-failed", is_flag=True, help="Run what failed in an earlier run once more."),
        click.option("--cancel-on-interrupt", is_flag=True, help="Ctrl-C cancels the jobs, too."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.group(epilog=exit_codes.HELP)
def submit() -> None:
    """Submit images and show the results. The server is SIGHTLINE_URL, the key SIGHTLINE_KEY.

    Several images, or a folder of them, are a run with a progress bar. Stopped by Ctrl-C or anything else, the same
    command goes on where it was; nothing is submitted twice. With -o the run is remembered in that folder, and images
    that are added later join it.
    """


def session_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--session` of the kinds that have sessions."""
    return click.option(
        "--session", help="Go on from this session, and add to it. `sightline sessions create` makes one."
    )(command)


@submit.command()
@click.argument("images", nargs=-1, required=True, type=PATH)
@click.option("--mode", type=click.Choice(["text", "markdown", "html", "boxes", "kie"]), default="text")
@click.option("--fields", help="For kie: a JSON object, or names between commas.")
@click.option("--together", is_flag=True, help="One job with a page per image, instead of a job each.")
@shared_options
def ocr(images: tuple[Path, ...], mode: str, fields: str | None, together: bool, **options: Any) -> None:
    """Read the text in IMAGES, files or folders."""
    wanted: dict[str, Any] = {"mode": mode}
    if fields is not None:
        wanted["fields"] = _fields(fields)
    asked = [Asked(images[0].name, files(images), wanted)] if together else one_each(images, wanted)
    _run("ocr", asked, suffix=".md" if mode == "markdown" else ".txt", **options)


@submit.command()
@click.argument("screenshot", type=PATH)
@click.argument("instruction")
@click.option("--tool", type=click.Choice(["computer_use", "mobile_use"]), default="computer_use")
@session_option
@shared_options
def gui(screenshot: Path, instruction: str, tool: str, **options: Any) -> None:
    """The next action on SCREENSHOT, or on each one in a folder, that follows the INSTRUCTION."""
    _run("gui", one_each([screenshot], {"instruction": instruction, "tool": tool}), **options)


@submit.command()
@click.argument("question")
@click.argument("images", nargs=-1, type=PATH)
@click.option("--each", is_flag=True, help="A job for each image, instead of one about all of them.")
@session_option
@shared_options
def chat(question: str, images: tuple[Path, ...], each: bool, **options: Any) -> None:
    """Answer a QUESTION, about IMAGES if any are given."""
    if each and not images:
        raise click.UsageError("--each needs images.")
    wanted = {"prompt": question}
    _run("chat", one_each(images, wanted) if each else [Asked("chat", files(images), wanted)], **options)


def _run(
    kind: str,
    asked: Sequence[Asked],
    *,
    model: str | None,
    params: Sequence[str],
    cache: str | None,
    tags: Sequence[str],
    output: Path | None,
    as_json: bool,
    no_wait: bool,
    timeout: float | None,
    follow: bool,
    again: bool,
    retry_failed: bool,
    cancel_on_interrupt: bool,
    session: str | None = None,
    suffix: str = ".txt",
) -> None:
    from sightline.cli.submit_many import Manner, submit_many

    envelope: dict[str, Any] = {}
    if params:
        envelope["params"] = parameters(params)
    if model:
        envelope["model"] = model
    if cache:
        envelope["cache"] = {"mode": cache}
    if tags:
        envelope["tags"] = list(tags)
    if session:
        if len(asked) > 1 or output is not None:
            raise click.UsageError("--session is for a single job: answers are added one after another.")
        envelope["session"] = session
    if follow and (len(asked) > 1 or as_json or no_wait or output):
        raise click.UsageError("--follow shows the text of a single job on the terminal.")
    manner = Manner(
        output=output,
        as_json=as_json,
        no_wait=no_wait,
        timeout=timeout,
        retry_failed=retry_failed,
        cancel_on_interrupt=cancel_on_interrupt,
        again=again,
        suffix=suffix,
    )
    if len(asked) == 1 and output is None:
        _one(kind, asked[0], envelope=envelope, manner=manner, follow=follow)
        return
    submit_many(kind, asked, envelope=envelope, manner=manner)


def _one(kind: str, asked: Asked, *, envelope: dict[str, Any], manner: "Manner", follow: bool) -> None:
    from sightline.cli.connection import LONG_PATIENCE_S, connected
    from sightline.cli.job_result import judge, show
    from sightline.cli.tail import follow as follow_text

    with connected(patience_s=LONG_PATIENCE_S) as client:
        job = client.submit(kind, asked.input, images=list(asked.images), stream=follow or None, **envelope)
        if manner.no_wait:
            click.echo(json.dumps(job.document, ensure_ascii=False) if manner.as_json else job.id)
            return
        try:
            wait = partial(client.wait, timeout_s=manner.timeout, stream=False)
            job = follow_text(client, job.id) if follow else wait(job.id)
        except KeyboardInterrupt:
            if manner.cancel_on_interrupt:
                client.cancel(job.id)
                raise exit_codes.Interrupted(f"{job.id} is cancelled.") from None
            raise exit_codes.Interrupted(
                f"{job.id} goes on: `sightline wait {job.id}` shows its result, `sightline cancel {job.id}` ends it."
            ) from None
    if not follow and (job.ended or manner.as_json):
        show(job, as_json=manner.as_json)
    judge([job], untold=follow)


def _fields(text: str) -> Any:
    """kie's fields: a JSON object as it is, names as an object with empty values."""
    if not text.lstrip().startswith(("{", "[")):
        return {name.strip(): "" for name in text.split(",") if name.strip()}
    try:
        return json.loads(text)
    except ValueError as error:
        raise click.BadParameter(f"no JSON: {error}", param_hint="--fields") from error
