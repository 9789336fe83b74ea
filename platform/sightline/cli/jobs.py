"""`sightline jobs`: look at jobs and act on them, through the API."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sightline.cli.job_actions import cancel, retry
from sightline.cli.job_ids import job_argument
from sightline.cli.params import Moment, json_option
from sightline.cli.tables import print_table

if TYPE_CHECKING:
    from sightline.client import Job

COLOURS = {
    "queued": "cyan",
    "running": "blue",
    "succeeded": "green",
    "incomplete": "yellow",
    "failed": "red",
    "cancelled": "bright_black",
    "expired": "magenta",
    "quarantined": "red",
}


@click.group(invoke_without_command=True)
@click.option(
    "--status", default="", help="Only these, between commas: queued, running, succeeded, failed, …"
)
@click.option("--kind", default="", help="Only this kind.")
@click.option("--tag", default="", help="Only jobs with this tag.")
@click.option("--model", default="", help="Only this model tag.")
@click.option("--session", default="", help="Only jobs that went on from this session.")
@click.option("--fingerprint", default="", help="Only jobs that failed for this cause.")
@click.option("--after", type=Moment(), help="Created later than: a time, a date, or 2h, 3d ago.")
@click.option("--before", type=Moment(), help="Created earlier than.")
@click.option(
    "--search",
    default="",
    help="As the admin takes it: 'kind:ocr error:\"out of memory\" -status:succeeded'.",
)
@click.option(
    "--export",
    "file",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="Write all that is found to a file, CSV where it ends in .csv, else JSON lines; - is the terminal.",
)
@click.option("-n", "--limit", type=click.IntRange(1), default=20, show_default=True)
@json_option
@click.pass_context
def jobs(
    ctx: click.Context,
    status: str,
    kind: str,
    tag: str,
    model: str,
    session: str,
    fingerprint: str,
    after: datetime | None,
    before: datetime | None,
    search: str,
    file: Path | None,
    limit: int,
    as_json: bool,
) -> None:
    """List jobs, newest first; or show one."""
    if ctx.invoked_subcommand is not None:
        return
    from sightline.cli.connection import connected

    filters = {
        "status": status, "kind": kind, "tag": tag, "model": model, "session": session, "fingerprint": fingerprint,
        "search": search, "created_after": after, "created_before": before,
    }  # fmt: skip
    with connected() as client:
        if file is not None:
            _write(client.export(**filters), file)
            return
        found = client.jobs(limit=limit, **filters)
        if as_json:
            for job in found:
                click.echo(json.dumps(job.document, ensure_ascii=False))
            return
        _print(list(found))


def _write(found: Iterator[dict[str, Any]], file: Path) -> None:
    """One line at a time, so that a million jobs take no more memory than one."""
    from sightline import exports

    form = "csv" if file.suffix == ".csv" else "jsonl"
    count = 0
    with click.open_file(str(file), "w", encoding="utf-8") as output:
        output.write(exports.head(form))
        for count, document in enumerate(found, start=1):  # noqa: B007 - told below
            output.write(exports.line(form, document))
    if str(file) != "-":
        click.echo(f"{count} job{'s' * (count != 1)} in {file}.", err=True)


def _print(found: "list[Job]") -> None:
    from rich.table import Column, Table

    if not found:
        click.echo("No jobs.")
        return
    # Only where there is something in them: a terminal is 80 columns wide.
    more = {"served_from": [str(job.document.get("served_from") or "") for job in found]}
    more["error"] = [str((job.error or {}).get("code") or "") for job in found]
    more = {name: values for name, values in more.items() if any(values)}
    table = Table(Column("id", no_wrap=True), "kind", "model", "status", "runs", "created", *more, box=None)
    for job, *texts in zip(found, *more.values(), strict=True):
        facts = job.document
        created = str(facts.get("created_at") or "")[:19].replace("T", " ")
        shown = f"[{COLOURS.get(job.status, 'default')}]{job.status}[/]"
        table.add_row(
            job.id, job.kind, str(facts.get("model")), shown, str(facts.get("attempt")), created, *texts
        )
    print_table(table)


@jobs.command()
@job_argument()
@click.option("--json", "as_json", is_flag=True, help="The whole job as JSON.")
def show(job_id: str, as_json: bool) -> None:
    """Show a job with its result."""
    from sightline.cli.connection import connected
    from sightline.cli.job_result import with_reason
    from sightline.cli.result_text import result_text

    with connected() as client:
        job = client.job(job_id)
    if as_json:
        click.echo(json.dumps(job.document, indent=2, ensure_ascii=False))
        return
    facts = job.document
    click.echo(f"{job.id}  {job.kind} on {facts.get('model')}  {click.style(with_reason(job), bold=True)}")
    for attempt in facts.get("attempts") or []:
        click.echo(f"  run {attempt.get('run')}: {attempt.get('outcome')}  {_error(attempt)}".rstrip())
    if timings := facts.get("timings_ms"):
        click.echo(
            "  " + "  ".join(f"{name} {value} ms" for name, value in timings.items() if value is not None)
        )
    if job.ended:
        click.echo(result_text(job))


jobs.add_command(cancel)
jobs.add_command(retry)


def _error(attempt: dict[str, Any]) -> str:
    error = attempt.get("error") or {}
    return str(error.get("message") or error.get("code") or "")
