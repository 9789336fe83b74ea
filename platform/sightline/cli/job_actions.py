"""`sightline cancel`, `expire`, `retry`, `replay`, `move`, `quarantine`, `release` and `explain`."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from sightline.cli.job_ids import job_argument
from sightline.cli.params import json_option, param_option, parameters

if TYPE_CHECKING:
    from sightline.client import Client, Job


reason_option = click.option("--reason", help="For the audit's record.")


@click.command()
@job_argument(several=True)
@reason_option
@json_option
def cancel(job_ids: tuple[str, ...], reason: str | None, as_json: bool) -> None:
    """End jobs that wait or run."""
    _each(job_ids, lambda client, job_id: client.cancel(job_id, reason=reason), as_json=as_json)


@click.command()
@job_argument(several=True)
@reason_option
@json_option
def expire(job_ids: tuple[str, ...], reason: str | None, as_json: bool) -> None:
    """End jobs as expired: their answers would come too late."""
    _each(job_ids, lambda client, job_id: client.expire(job_id, reason=reason), as_json=as_json)


@click.command()
@job_argument(several=True)
@param_option
@click.option("--input", "fields", help="Fields of the input to ask otherwise, a JSON object.")
@reason_option
@json_option
def retry(
    job_ids: tuple[str, ...], params: tuple[str, ...], fields: str | None, reason: str | None, as_json: bool
) -> None:
    """Run ended jobs once more, perhaps with another input or other parameters."""
    wanted, given = parameters(params), _object(fields) if fields else None
    _each(
        job_ids,
        lambda client, job_id: client.retry(job_id, input=given, params=wanted or None, reason=reason),
        as_json=as_json,
    )


@click.command()
@job_argument(several=True)
@click.option(
    "--seats", type=click.Choice(["gui", "chat", "ocr"]), required=True, help="Whose seats they take."
)
@reason_option
@json_option
def move(job_ids: tuple[str, ...], seats: str, reason: str | None, as_json: bool) -> None:
    """Change whose seats waiting jobs take, and so which queue they wait in."""
    _each(job_ids, lambda client, job_id: client.move(job_id, seats, reason=reason), as_json=as_json)


@click.command()
@job_argument(several=True)
@reason_option
@json_option
def quarantine(job_ids: tuple[str, ...], reason: str | None, as_json: bool) -> None:
    """End jobs and refuse their images from now on. The key needs the scope admin."""
    _each(job_ids, lambda client, job_id: client.quarantine(job_id, reason=reason), as_json=as_json)


@click.command()
@job_argument(several=True)
@reason_option
@json_option
def release(job_ids: tuple[str, ...], reason: str | None, as_json: bool) -> None:
    """Accept the images of quarantined jobs again and run them once more, alone. Scope admin."""
    _each(job_ids, lambda client, job_id: client.release(job_id, reason=reason), as_json=as_json)


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise click.BadParameter(f"no JSON: {error}", param_hint="--input") from error
    if not isinstance(found, dict):
        raise click.BadParameter("give a JSON object.", param_hint="--input")
    return found


@click.command()
@job_argument()
@click.option("--model", help="Another model tag.")
@param_option
@json_option
def replay(job_id: str, model: str | None, params: tuple[str, ...], as_json: bool) -> None:
    """A new job with the input of an old one, and another model or other parameters."""
    wanted = parameters(params)
    _each(
        (job_id,), lambda client, job: client.replay(job, model=model, params=wanted or None), as_json=as_json
    )


@click.command()
@job_argument()
@json_option
def explain(job_id: str, as_json: bool) -> None:
    """Why a job waits: its place, who is ahead, when its turn comes, what blocks it; or why it did not succeed."""
    from sightline.cli.connection import connected
    from sightline.cli.result_text import why
    from sightline.client.values import ENDED

    with connected() as client:
        found = client.explain(job_id)
        job = client.job(job_id) if found.status in ENDED and not as_json else None
    if as_json:
        click.echo(json.dumps(found.document, ensure_ascii=False))
        return
    click.echo(f"{found.id} is {found.status}. {found.detail}")
    if job is not None:
        if reason := why(job):
            click.echo(f"Why: {reason}")
        click.echo(f"`sightline jobs show {found.id}` shows its runs and its result.")
    if found.position is not None:
        click.echo(f"It is number {found.position} in {found.document.get('queue')}.")
    if found.eta_ms is not None:
        click.echo(f"It ends in {_seconds(found.eta_ms[0])} to {_seconds(found.eta_ms[1])}.")


def _each(job_ids: tuple[str, ...], act: "Callable[[Client, str], Job]", *, as_json: bool) -> None:
    from sightline.cli.connection import connected

    with connected() as client:
        for job_id in job_ids:
            job = act(client, job_id)
            click.echo(
                json.dumps(job.document, ensure_ascii=False) if as_json else f"{job.id} is {job.status}"
            )


def _seconds(ms: int) -> str:
    return f"{ms} ms" if ms < 1000 else f"{ms / 1000:.1f} s"
