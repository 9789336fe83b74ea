"""An ended job on the terminal, and what it means for the exit code."""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from sightline.cli.exit_codes import TIME_IS_UP, Failed
from sightline.cli.result_text import result_text, why

if TYPE_CHECKING:
    from sightline.client import Job


def shown(job: "Job", *, as_json: bool) -> str:
    """The whole job as JSON on one line, or its result as a person reads it."""
    return json.dumps(job.document, ensure_ascii=False) if as_json else result_text(job)


def show(job: "Job", *, as_json: bool, name: str = "") -> None:
    """Print a job; with a `name` under a heading, as one of several."""
    if name and not as_json:
        click.secho(f"{name} · {job.id} · {with_reason(job)}", bold=True)
    click.echo(shown(job, as_json=as_json))


def with_reason(job: "Job") -> str:
    """A job's status, with why it is incomplete: its output does not tell."""
    reason = why(job) if job.status == "incomplete" else ""
    return f"{job.status}, {reason}" if reason else job.status


def judge(jobs: Iterable["Job"], *, untold: bool = False) -> None:
    """Nothing when all succeeded; otherwise ends the command with what did not, and the exit code for it.

    `untold`: nothing has shown yet why a job failed.
    """
    jobs = list(jobs)
    waiting = [job for job in jobs if not job.ended]
    if waiting:
        raise Failed(
            f"The time is up; {_which(waiting)} not ended. `sightline wait ID` waits on.", code=TIME_IS_UP
        )
    bad = [job for job in jobs if not job.succeeded]
    if bad:
        if len(jobs) > 1:
            raise Failed(f"{len(bad)} of {len(jobs)} jobs did not succeed.")
        if untold and bad[0].status != "incomplete" and (reason := why(bad[0])):
            raise Failed(f"{bad[0].id} is {bad[0].status}: {reason}")
        raise Failed(f"{bad[0].id} is {with_reason(bad[0])}.")


def _which(jobs: list["Job"]) -> str:
    return f"{jobs[0].id} has" if len(jobs) == 1 else f"{len(jobs)} jobs have"
