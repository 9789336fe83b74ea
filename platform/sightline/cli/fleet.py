"""`sightline queues` and `sightline groups`: see what serves the jobs, pause it, drain it, change its seats."""

import json
import time
from typing import Any

import click

from sightline.cli.job_actions import reason_option
from sightline.cli.params import json_option
from sightline.cli.tables import print_table

KIND = click.Choice(["gui", "chat", "ocr"])
_LOOK_S = 1.0
"""How often a drain looks whether the last jobs have ended."""
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
@reason_option
def pause(kind: str, model: str | None, reason: str | None) -> None:
    """Start no more jobs of KIND: what runs ends, new jobs are accepted and wait. The key needs the scope admin."""
    _say(_queue(kind, model, paused=True, reason=reason))


@queues.command()
@click.argument("kind", type=KIND)
@_MODEL
@reason_option
def drain(kind: str, model: str | None, reason: str | None) -> None:
    """Pause KIND and wait until nothing of it runs any more. Ctrl-C stops the waiting, not the pause."""
    from sightline.cli.connection import connected

    told = 0
    with connected() as client:
        found = client.fleet.queue(kind, model=model, paused=True, reason=reason)
        while running := found["in_flight"]:
            if running != told:
                click.echo(f"{running} still run{'s' * (running == 1)}.", err=True)
            told = running
            time.sleep(_LOOK_S)
            found = client.fleet.queue(kind, model=model)
    _say(found)


@queues.command()
@click.argument("kind", type=KIND)
@_MODEL
@reason_option
def resume(kind: str, model: str | None, reason: str | None) -> None:
    """Start jobs of KIND again."""
    _say(_queue(kind, model, paused=False, reason=reason))


def _queue(kind: str, model: str | None, **change: Any) -> dict[str, Any]:
    from sightline.cli.connection import connected

    with connected() as client:
        return client.fleet.queue(kind, model=model, **change)


def _say(queue: dict[str, Any]) -> None:
    state = "paused" if queue["paused"] else "open"
    click.echo(f"{queue['queue']} is {state}, {queue['in_flight']} running, {queue['depth']} waiting.")


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


@groups.command("drain")
@click.argument("group_id", metavar="GROUP")
@reason_option
def drain_group(group_id: str, reason: str | None) -> None:
    """Take no new jobs; those aboard end."""
    _group(group_id, drained=True, reason=reason)


@groups.command("resume")
@click.argument("group_id", metavar="GROUP")
@reason_option
def resume_group(group_id: str, reason: str | None) -> None:
    """Take jobs again."""
    _group(group_id, drained=False, reason=reason)


@groups.command()
@click.argument("group_id", metavar="GROUP")
@click.argument("numbers", metavar="KIND=N…", nargs=-1, required=True)
@reason_option
def seats(group_id: str, numbers: tuple[str, ...], reason: str | None) -> None:
    """Change seats while it runs: `gui=24 ocr=56`; `gui=default` takes a change back."""
    wanted: dict[str, int | None] = {}
    for number in numbers:
        kind, _, text = number.partition("=")
        if kind not in KIND.choices or not (text.isdecimal() or text == "default"):
            raise click.BadParameter(f"{number!r} is not like gui=24.", param_hint="KIND=N")
        wanted[kind] = None if text == "default" else int(text)
    _group(group_id, seats=wanted, reason=reason)


def _group(group_id: str, **change: Any) -> None:
    from sightline.cli.connection import connected

    with connected() as client:
        found = client.fleet.group(group_id, **change)
    state = "drained" if found["drained"] else found["state"]
    click.echo(f"{found['id']} is {state}, with seats {_seats(found)}.")


def _seats(group: dict[str, Any]) -> str:
    return " ".join(f"{kind}={count}" for kind, count in group["seats"].items())
