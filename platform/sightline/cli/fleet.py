"""`sightline queues` and `sightline groups`: see what serves the jobs, pause it, drain it, change its seats."""

import json
from typing import Any

import click

from sightline.cli.params import json_option
from sightline.cli.tables import print_table

KIND = click.Choice(["gui", "chat", "ocr"])
_MODEL = click.option("--model", help="Model tag; default the server's.")


@click.group(invoke_without_command=True)
@_MODEL
@json_option
@click.pass_context
def queues(ctx: click.Context, model: str | None, as_json: bool) -> None:
    """Show what waits and runs, kind by kind; pause and resume."""
    if ctx.invoked_subcommand is not None:
        return
    from rich.table import Table

    from sightline.cli.connection import connected

    with connected() as client:
        found = [client.fleet.queue(kind, model=model) for kind in KIND.choices]
    if as_json:
        for one in found:
            click.echo(json.dumps(one, ensure_ascii=False))
        return
    table = Table("queue", "waiting", "backoff", "oldest", "running", "seats", "a second", "", box=None)
    for one in found:
        oldest, rate = one["oldest_age_s"], one["rate_per_s"]
        table.add_row(
            one["queue"],
            str(one["depth"]),
            str(one["parked"]),
            f"{oldest:.0f} s" if oldest is not None else "–",
            str(one["in_flight"]),
            str(one["seats"]),
            f"{rate:.1f}" if rate is not None else "–",
            "[yellow]paused[/]" if one["paused"] else "",
        )
    print_table(table)


@queues.command()
@click.argument("kind", type=KIND)
@_MODEL
def pause(kind: str, model: str | None) -> None:
    """Start no more jobs of KIND; they are accepted and wait. The key needs the scope admin."""
    _queue(kind, model, paused=True)


@queues.command()
@click.argument("kind", type=KIND)
@_MODEL
def resume(kind: str, model: str | None) -> None:
    """Start jobs of KIND again."""
    _queue(kind, model, paused=False)


def _queue(kind: str, model: str | None, *, paused: bool) -> None:
    from sightline.cli.connection import connected

    with connected() as client:
        found = client.fleet.queue(kind, model=model, paused=paused)
    click.echo(f"{found['queue']} is {'paused' if found['paused'] else 'open'}, {found['depth']} waiting.")


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def groups(ctx: click.Context, as_json: bool) -> None:
    """Show the GPU groups; drain and resume them, change their seats. The key needs the scope admin."""
    if ctx.invoked_subcommand is not None:
        return
    from rich.table import Column, Table

    from sightline.cli.connection import connected

    with connected() as client:
        found = client.fleet.groups()
    if as_json:
        for one in found:
            click.echo(json.dumps(one, ensure_ascii=False))
        return
    table = Table(Column("id", no_wrap=True), "model", "engine", "intake", "seats", "restarts", box=None)
    for one in found:
        intake = "drained" if one["drained"] else one["intake"]
        table.add_row(one["id"], one["model"], one["state"], intake, _seats(one), str(one["restarts"]))
    print_table(table)
    if not found:
        click.echo("No groups.")


@groups.command()
@click.argument("group_id", metavar="GROUP")
def drain(group_id: str) -> None:
    """Take no new jobs; those aboard end."""
    _group(group_id, drained=True)


@groups.command("resume")
@click.argument("group_id", metavar="GROUP")
def resume_group(group_id: str) -> None:
    """Take jobs again."""
    _group(group_id, drained=False)


@groups.command()
@click.argument("group_id", metavar="GROUP")
@click.argument("numbers", metavar="KIND=N…", nargs=-1, required=True)
def seats(group_id: str, numbers: tuple[str, ...]) -> None:
    """Change seats while it runs: `gui=24 ocr=56`; `gui=default` takes a change back."""
    wanted: dict[str, int | None] = {}
    for number in numbers:
        kind, _, text = number.partition("=")
        if kind not in KIND.choices or not (text.isdecimal() or text == "default"):
            raise click.BadParameter(f"{number!r} is not like gui=24.", param_hint="KIND=N")
        wanted[kind] = None if text == "default" else int(text)
    _group(group_id, seats=wanted)


def _group(group_id: str, **change: Any) -> None:
    from sightline.cli.connection import connected

    with connected() as client:
        found = client.fleet.group(group_id, **change)
    state = "drained" if found["drained"] else found["state"]
    click.echo(f"{found['id']} is {state}, with seats {_seats(found)}.")


def _seats(group: dict[str, Any]) -> str:
    return " ".join(f"{kind}={count}" for kind, count in group["seats"].items())
