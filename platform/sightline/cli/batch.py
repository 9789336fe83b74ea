"""`sightline batch`: many requests as one file of JSON lines, in OpenAI's form."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sightline.cli import exit_codes
from sightline.cli.tables import print_table

if TYPE_CHECKING:
    from sightline.client import Batch

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group(epilog=exit_codes.HELP)
def batch() -> None:
    """Run files of requests, and look at them.

    A request is a line {"custom_id": …, "method": "POST", "url": "/v1/chat/completions", "body": …}, as for OpenAI.
    """


@batch.command()
@click.argument("requests", type=FILE)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where results go; default REQUESTS with .results.jsonl at its end.",
)
@click.option("--window", default="24h", show_default=True, help="What has not ended by then expires.")
@click.option("--no-wait", is_flag=True, help="Print the batch's id and leave.")
@click.option("--again", is_flag=True, help="Forget an earlier run of this command.")
@click.option("--cancel-on-interrupt", is_flag=True, help="Ctrl-C cancels the batch, too.")
def run(
    requests: Path, output: Path | None, window: str, no_wait: bool, again: bool, cancel_on_interrupt: bool
) -> None:
    """Run the file REQUESTS. Results are written as they come, errors beside them.

    Stopped by Ctrl-C or anything else, the same command goes on where it was.
    """
    from sightline.cli.batch_run import run as go

    go(
        requests,
        output=output or requests.with_name(f"{requests.stem}.results.jsonl"),
        window=window,
        no_wait=no_wait,
        again=again,
        cancel_on_interrupt=cancel_on_interrupt,
    )


@batch.command("list")
@click.option("-n", "--limit", type=click.IntRange(1), default=20, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Whole batches as JSON, one a line.")
def list_(limit: int, as_json: bool) -> None:
    """List batches, newest first."""
    from rich.table import Column, Table

    from sightline.cli.connection import connected

    with connected() as client:
        found = list(client.batches(limit=limit))
    if as_json:
        for one in found:
            click.echo(json.dumps(one.document, ensure_ascii=False))
        return
    table = Table(Column("id", no_wrap=True), "status", "lines", "completed", "failed", box=None)
    for one in found:
        table.add_row(one.id, one.status, str(one.total), str(one.completed), str(one.failed))
    print_table(table)
    if not found:
        click.echo("No batches.")


@batch.command()
@click.argument("batch_id", metavar="BATCH")
@click.option("--json", "as_json", is_flag=True, help="The whole batch as JSON.")
def show(batch_id: str, as_json: bool) -> None:
    """Show how far a batch is."""
    from sightline.cli.connection import connected

    with connected() as client:
        _show(client.batch(batch_id), as_json=as_json)


@batch.command()
@click.argument("batch_id", metavar="BATCH")
@click.option("--json", "as_json", is_flag=True, help="The whole batch as JSON.")
def cancel(batch_id: str, as_json: bool) -> None:
    """End a batch; what has ended stays readable."""
    from sightline.cli.connection import connected

    with connected() as client:
        _show(client.cancel_batch(batch_id), as_json=as_json)


@batch.command()
@click.argument("batch_id", metavar="BATCH")
@click.option("--errors", is_flag=True, help="The lines that failed, instead of the results.")
def results(batch_id: str, errors: bool) -> None:
    """Print a batch's results so far, as JSON lines."""
    from sightline.cli.connection import connected

    with connected() as client:
        found = client.batch(batch_id)
        file = found.error_file_id if errors else found.output_file_id
        if file is not None:
            for line in client.lines(file):
                click.echo(line)


def _show(found: "Batch", *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(found.document, ensure_ascii=False))
        return
    click.echo(
        f"{found.id} is {found.status}: {found.completed} completed and {found.failed} failed of {found.total}."
    )
    for error in found.errors:
        click.echo(f"  {error.get('message') or error.get('code')}")
