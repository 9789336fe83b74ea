"""The `sightline` command. Its subcommands are loaded when they are used; other packages add theirs by entry points."""

import os
import sys
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import click

from sightline.cli import exit_codes

ENTRY_POINTS = "sightline.commands"
BUILT_IN = {
    "up": "sightline.cli.up:up",
    "web": "sightline.cli.web:web",
    "sweeper": "sightline.cli.sweeper:sweeper",
    "flower": "sightline.cli.flower:flower",
    "prepare": "sightline.cli.prepare:prepare",
    "submit": "sightline.cli.submit:submit",
    "jobs": "sightline.cli.jobs:jobs",
    "wait": "sightline.cli.wait:wait",
    "tail": "sightline.cli.tail:tail",
    "explain": "sightline.cli.job_actions:explain",
    "cancel": "sightline.cli.job_actions:cancel",
    "expire": "sightline.cli.job_actions:expire",
    "move": "sightline.cli.job_actions:move",
    "quarantine": "sightline.cli.job_actions:quarantine",
    "release": "sightline.cli.job_actions:release",
    "retry": "sightline.cli.job_actions:retry",
    "replay": "sightline.cli.job_actions:replay",
    "compare": "sightline.cli.compare:compare",
    "bulk": "sightline.cli.bulk:bulk",
    "sessions": "sightline.cli.sessions:sessions",
    "queues": "sightline.cli.fleet:queues",
    "groups": "sightline.cli.fleet:groups",
    "batch": "sightline.cli.batch:batch",
    "keys": "sightline.cli.keys:keys",
    "quotas": "sightline.cli.quotas:quotas",
    "check": "sightline.cli.check:check",
    "completion": "sightline.cli.completion:completion",
}
# The patience of a process with a busy database or Redis (settings.py); whatever is not named here is a tool.
ROLES = {"web": "web", "group": "worker", "cpu": "worker", "sweeper": "sweeper"}


class Commands(click.Group):
    """Looks a command up by its name: our own first, then the entry points of `sightline.commands`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*BUILT_IN, *sorted(set(_plugins()) - set(BUILT_IN))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in BUILT_IN:
            module, _, attribute = BUILT_IN[cmd_name].partition(":")
            return _command(getattr(import_module(module), attribute))
        plugin = _plugins().get(cmd_name)
        if plugin is None:
            return None
        try:
            return _command(plugin.load())
        except Exception as error:  # whatever another package does on import must not break our commands
            return _broken(plugin, error)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        # Before the command's module is imported: it may read the settings on import.
        os.environ["SIGHTLINE_ROLE"] = ROLES.get(args[0], "tool")
        return super().resolve_command(ctx, args)


def _plugins() -> dict[str, EntryPoint]:
    return {plugin.name: plugin for plugin in entry_points(group=ENTRY_POINTS)}


def _command(found: Any) -> click.Command:
    if not isinstance(found, click.Command):
        raise TypeError(f"{found!r} is no click command")
    return found


def _broken(plugin: EntryPoint, error: Exception) -> click.Command:
    """Stands in for a command that cannot be loaded: `--help` goes on working, and calling it says why."""
    package = plugin.dist.name if plugin.dist else plugin.value

    def complain(**_: Any) -> None:
        raise click.ClickException(
            f"The command `{plugin.name}` of the package {package} cannot be loaded"
            f" ({plugin.value}): {type(error).__name__}: {error}"
        )

    return click.Command(
        plugin.name,
        callback=complain,
        short_help=f"(cannot be loaded: {error})",
        params=[click.Argument(["arguments"], nargs=-1, type=click.UNPROCESSED)],
        context_settings={"ignore_unknown_options": True, "help_option_names": []},
    )


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]}, epilog=exit_codes.HELP)
@click.version_option(package_name="sightline")
def sightline() -> None:
    """Sightline: a durable queue in front of the GPUs that serve Qwen3-VL."""


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sightline.settings")
    try:
        sightline(prog_name="sightline")
    except BrokenPipeError:
        # `sightline jobs | head`: nobody reads on. Python must not complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


if __name__ == "__main__":
    main()
