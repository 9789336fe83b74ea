"""A job's id as an argument; the shell completes it with the latest jobs."""

from collections.abc import Callable
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

_SHOWN = 30

Command = TypeVar("Command", bound=Callable[..., Any])


class JobId(click.ParamType[str]):
    """`job_01J…`."""

    name = "job"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The latest jobs; none when the server does not answer at once: completing must not say anything."""
        from sightline.cli.connection import default_key, default_url
        from sightline.client import Client, ClientError

        try:
            with Client(url=default_url(), key=default_key(), timeout_s=1.0, patience_s=0.0) as client:
                jobs = list(client.jobs(limit=_SHOWN))
        except (ClientError, click.ClickException):
            return []
        return [
            CompletionItem(job.id, help=f"{job.kind} {job.status}")
            for job in jobs
            if job.id.startswith(incomplete)
        ]


def job_argument(*, several: bool = False) -> Callable[[Command], Command]:
    """The argument `job_id`, or `job_ids`."""
    if several:
        return click.argument("job_ids", metavar="JOB…", nargs=-1, required=True, type=JobId())
    return click.argument("job_id", metavar="JOB", type=JobId())
