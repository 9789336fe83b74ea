"""`sightline cancel`, `retry`, `replay` and `explain`."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from sightline.cli.job_ids import job_argument
from sightline.cli.params import json_option, param_option, parameters

if TYPE_CHECKING:
    from sightline.client import Client, Job


@click.command()
@job_argument(several=True)
@json_option
def cancel(job_ids: tuple[str, ...], as_json: bool) -> None:
    """End jobs that wait or run."""
    _each(job_ids, lambda client, job_id: client.cancel(job_id), as_json=as_json)


@click.command()
@job_argument(several=True)
@json_option
def retry(job_ids: tuple[str, ...], as_json: bool) -> None:
    """Run ended jobs once more."""
    _each(job_ids, lambda client, job_id: client.retry(job_id), as_json=as_json)


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
    """Why a job waits: its place, who is ahead, when its turn comes, what blocks it."""
    from sightline.cli.connection import connected

    with connected() as client:
        found = client.explain(job_id)
    if as_json:
        click.echo(json.dumps(found.document, ensure_ascii=False))
        return
    click.echo(f"{found.id} is {found.status}. {found.detail}")
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
