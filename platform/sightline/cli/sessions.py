"""`sightline sessions`: histories that jobs go on from."""

import json
from typing import TYPE_CHECKING, Any

import click

from sightline.cli.params import json_option
from sightline.cli.tables import print_table

if TYPE_CHECKING:
    from sightline.client import Session

_VERSION = click.option(
    "--version", type=click.IntRange(0), help="Refused when the session is at another one by now."
)
_SHOWN = 120


@click.group()
def sessions() -> None:
    """Dialogues and runs of agents. `sightline submit chat --session SESSION …` goes on from one."""


@sessions.command("list")
@click.option("--kind", type=click.Choice(["chat", "gui"]), help="Only this kind.")
@click.option("-n", "--limit", type=click.IntRange(1), default=20, show_default=True)
@json_option
def list_(kind: str | None, limit: int, as_json: bool) -> None:
    """List sessions, newest first."""
    from rich.table import Column, Table

    from sightline.cli.connection import connected

    with connected() as client:
        found = list(client.sessions.list(kind=kind, limit=limit))
    if as_json:
        for one in found:
            click.echo(json.dumps(one.document, ensure_ascii=False))
        return
    table = Table(Column("id", no_wrap=True), "kind", "version", "steps", "used", "job", box=None)
    for one in found:
        used = str(one.document.get("used_at") or "")[:19].replace("T", " ")
        table.add_row(one.id, one.kind, str(one.version), str(one.steps), used, one.job or one.done or "")
    print_table(table)
    if not found:
        click.echo("No sessions.")


@sessions.command()
@click.argument("kind", type=click.Choice(["chat", "gui"]))
@click.option("--system", help="chat: the system message.")
@click.option("--did", "history", multiple=True, help="gui: what was done before; repeatable, oldest first.")
@json_option
def create(kind: Any, system: str | None, history: tuple[str, ...], as_json: bool) -> None:
    """Make a session; prints its id."""
    from sightline.cli.connection import connected

    if (system is not None and kind != "chat") or (history and kind != "gui"):
        raise click.UsageError("--system is for chat, --did for gui.")
    with connected() as client:
        made = client.sessions.create(kind, system=system, history=list(history) or None)
    click.echo(json.dumps(made.document, ensure_ascii=False) if as_json else made.id)


@sessions.command()
@click.argument("session_id", metavar="SESSION")
@json_option
def show(session_id: str, as_json: bool) -> None:
    """Show a session with its history."""
    from sightline.cli.connection import connected

    with connected() as client:
        found = client.sessions.read(session_id)
        steps = list(client.sessions.steps(session_id))
    if as_json:
        history = [{"number": step.number, "job": step.job, "entries": list(step.entries)} for step in steps]
        click.echo(json.dumps({**found.document, "history": history}, ensure_ascii=False))
        return
    _say(found)
    for step in steps:
        click.secho(f"{step.number}  {step.job or 'by hand'}", dim=True)
        for entry in step.entries:
            click.echo(f"   {_line(entry)}")


@sessions.command()
@click.argument("session_id", metavar="SESSION")
@click.argument("sentence")
@_VERSION
@json_option
def add(session_id: str, sentence: str, version: int | None, as_json: bool) -> None:
    """Add a SENTENCE without a job: what you did (gui), or what the user says (chat)."""
    from sightline.cli.connection import connected

    with connected() as client:
        kind = client.sessions.read(session_id).kind
        said = (
            {"messages": [{"role": "user", "content": sentence}]}
            if kind == "chat"
            else {"history": [sentence]}
        )
        client.sessions.add(session_id, version=version, **said)
        _tell(client.sessions.read(session_id), as_json=as_json)


@sessions.command()
@click.argument("session_id", metavar="SESSION")
@click.argument("number", type=click.IntRange(1))
@_VERSION
@json_option
def rewind(session_id: str, number: int, version: int | None, as_json: bool) -> None:
    """Take back the step NUMBER and all that came after it."""
    from sightline.cli.connection import connected

    with connected() as client:
        _tell(client.sessions.rewind(session_id, number, version=version), as_json=as_json)


@sessions.command()
@click.argument("session_ids", metavar="SESSION…", nargs=-1, required=True)
def erase(session_ids: tuple[str, ...]) -> None:
    """Erase sessions with their history, and input and output of their jobs."""
    from sightline.cli.connection import connected

    with connected() as client:
        for session_id in session_ids:
            client.sessions.erase(session_id)
            click.echo(f"{session_id} is erased")


def _tell(session: "Session", *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(session.document, ensure_ascii=False))
    else:
        _say(session)


def _say(session: "Session") -> None:
    state = (
        f", {session.job} goes on from it"
        if session.job
        else f", ended: {session.done}"
        if session.done
        else ""
    )
    click.echo(f"{session.id} is a {session.kind} session at version {session.version}{state}.")


def _line(entry: Any) -> str:
    """A message or a sentence on one line."""
    if "role" not in entry:
        return str(entry["text"])
    content = entry.get("content")
    if isinstance(content, list):
        content = " ".join(part.get("text") or "[image]" for part in content)
    calls = [call["function"]["name"] + "()" for call in entry.get("tool_calls") or ()]
    line = f"{entry['role']}: " + " ".join([*(str(content).split() if content else []), *calls])
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"
