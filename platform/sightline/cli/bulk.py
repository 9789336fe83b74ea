"""`sightline bulk`: act on all jobs that a search finds. They are chosen and counted first."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from sightline.cli.bars import bar
from sightline.cli.exit_codes import Failed, Interrupted
from sightline.cli.params import json_option
from sightline.cli.tables import print_table

if TYPE_CHECKING:
    from sightline.client import BulkAct, Client

ACTIONS = {
    "retry": "Run failed jobs once more: three first, the others when those succeed.",
    "cancel": "End jobs that wait or run.",
    "expire": "End jobs that wait or run as expired.",
    "quarantine": "End jobs and refuse their images from now on. The key needs the scope admin.",
    "release": "Accept the images of quarantined jobs again and run them once more. Scope admin.",
    "erase": "Erase input and output of ended jobs.",
}
_REFUSALS = 5
"""Jobs that refused, of which the reasons are shown."""


@click.group()
def bulk() -> None:
    """Act on all jobs that a search finds; each act is chosen and counted before anything is done.

    SEARCH is what the admin's search takes: 'kind:ocr status:failed error:"out of memory" created:>2h'.
    """


def _add(action: str, help: str) -> None:
    @bulk.command(action, help=help)
    @click.argument("search")
    @click.option("--reason", default="", help="For the audit's record.")
    @click.option("--dry-run", is_flag=True, help="Choose and count only: nothing is done or kept.")
    @click.option("-y", "--yes", is_flag=True, help="Do not ask.")
    @json_option
    def act(search: str, reason: str, dry_run: bool, yes: bool, as_json: bool) -> None:
        from sightline.cli.connection import LONG_PATIENCE_S, connected

        with connected(patience_s=LONG_PATIENCE_S) as client:
            if dry_run:
                _try(client, action, search, as_json=as_json)
                return
            chosen = client.bulk.freeze(action, search, reason=reason)
            click.echo(_counted(chosen), err=True)
            if not yes:
                try:
                    click.confirm(f"{action.capitalize()} {_jobs(chosen.total)}?", abort=True, err=True)
                except click.Abort:
                    client.bulk.stop(chosen.id)  # what nobody agreed to must not wait for somebody to run it
                    raise
            _run(client, chosen.id, as_json=as_json)


for _action, _help in ACTIONS.items():
    _add(_action, _help)


@bulk.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the latest acts, newest first."""
    from rich.table import Column, Table

    from sightline.cli.connection import connected

    with connected() as client:
        found = client.bulk.list()
    if as_json:
        for one in found:
            click.echo(json.dumps(one.document, ensure_ascii=False))
        return
    table = Table(
        Column("id", no_wrap=True), "action", "search", "state", "jobs", "done", "refused", box=None
    )
    for one in found:
        table.add_row(
            one.id, one.action, one.search, one.state, str(one.total), str(one.done), str(one.failed)
        )
    if not found:
        click.echo("No bulk acts.")
        return
    print_table(table)


@bulk.command()
@click.argument("bulk_id", metavar="ID")
@json_option
def show(bulk_id: str, as_json: bool) -> None:
    """Show an act and how far it is."""
    from sightline.cli.connection import connected

    with connected() as client:
        _show(client.bulk.get(bulk_id), as_json=as_json)


@bulk.command()
@click.argument("bulk_id", metavar="ID")
@json_option
def run(bulk_id: str, as_json: bool) -> None:
    """Start an act, or let a halted one go on with the rest, and follow it."""
    from sightline.cli.connection import LONG_PATIENCE_S, connected

    with connected(patience_s=LONG_PATIENCE_S) as client:
        _run(client, bulk_id, as_json=as_json)


@bulk.command()
@click.argument("bulk_id", metavar="ID")
@json_option
def stop(bulk_id: str, as_json: bool) -> None:
    """Do nothing more of an act; what was done stays done."""
    from sightline.cli.connection import connected

    with connected() as client:
        _show(client.bulk.stop(bulk_id), as_json=as_json)


def _try(client: Client, action: str, search: str, *, as_json: bool) -> None:
    """Show what an act would be about, and stop it, so that nobody runs it later."""
    from sightline.client import InvalidRequest

    try:
        chosen = client.bulk.stop(client.bulk.freeze(action, search, reason="dry run").id)
    except InvalidRequest as error:
        if error.code != "nothing_matches":
            raise
        click.echo(error.detail, err=True)
        if as_json:
            click.echo(json.dumps({"action": action, "search": search, "total": 0}))
        return
    if as_json:
        click.echo(json.dumps(chosen.document, ensure_ascii=False))
        return
    click.echo(_counted(chosen))
    click.echo(f"Nothing was done. Without --dry-run the command asks whether to {action} them.")


def _run(client: Client, bulk_id: str, *, as_json: bool) -> None:
    """Start it and follow it to its end. Raises Failed, Interrupted."""
    act = client.bulk.run(bulk_id)
    try:
        with bar() as shown:
            task = shown.add_task(act.state, total=act.total, note="")
            for act in client.bulk.follow(bulk_id):
                refused = f"{act.failed} refused" if act.failed else ""
                shown.update(task, description=act.state, completed=act.done + act.failed, note=refused)
    except KeyboardInterrupt:
        raise Interrupted(f"{bulk_id} goes on without us; `sightline bulk stop {bulk_id}` ends it.") from None
    _show(act, as_json=as_json)
    for number, item in enumerate(client.bulk.items(bulk_id, state="failed") if act.failed else ()):
        if number == _REFUSALS:
            click.echo(f"  and {act.failed - _REFUSALS} more", err=True)
            break
        click.echo(f"  {item['job']}: {item['detail']}", err=True)
    if act.state == "halted":
        raise Failed(
            f"It halted: {act.detail}. `sightline bulk run {bulk_id}` goes on with the rest all the same,"
            f" `sightline bulk stop {bulk_id}` ends it."
        )
    if act.state != "done" or act.failed:
        raise Failed(f"{bulk_id} is {act.state}; {_jobs(act.failed)} refused.")


def _show(act: BulkAct, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(act.document, ensure_ascii=False))
        return
    progress = "" if act.state == "frozen" else f" {act.done} done and {act.failed} refused of {act.total}."
    click.echo(f"{act.id} ({act.action}) is {act.state}.{progress}")
    if act.state == "frozen":
        click.echo(f"Its jobs are chosen and counted, nothing is done yet: {_counted(act)}")
        click.echo(f"`sightline bulk run {act.id}` does it, `sightline bulk stop {act.id}` gives it up.")
    elif act.detail:
        click.echo(act.detail)


def _counted(act: BulkAct) -> str:
    """The dry run in a few words."""
    summary = act.summary
    parts = [_jobs(act.total)]
    parts += [_spread(summary.get(name) or {}) for name in ("by_kind", "by_status")]
    if (seconds := summary.get("gpu_seconds")) is not None:
        parts.append(f"about {seconds:.0f} s of a GPU")
    if oldest := summary.get("oldest"):
        parts.append(f"the oldest of {str(oldest)[:16].replace('T', ' ')}")
    return "; ".join(parts)


def _spread(counts: dict[str, Any]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def _jobs(count: int) -> str:
    return f"{count} job{'s' * (count != 1)}"
