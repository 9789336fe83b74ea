"""`sightline wait`: until jobs have ended."""

import time

import click

from sightline.cli.job_ids import job_argument
from sightline.cli.params import json_option, timeout_option


@click.command()
@job_argument(several=True)
@timeout_option
@json_option
def wait(job_ids: tuple[str, ...], timeout: float | None, as_json: bool) -> None:
    """Wait for jobs and show their results; Ctrl-C leaves them running."""
    from sightline.cli.connection import LONG_PATIENCE_S, connected
    from sightline.cli.job_result import judge, show

    until = None if timeout is None else time.monotonic() + timeout
    jobs = []
    with connected(patience_s=LONG_PATIENCE_S) as client:
        for job_id in job_ids:
            left = None if until is None else max(0.0, until - time.monotonic())
            # Without the event stream: nobody looks at its text, which the worker need not publish then.
            job = client.wait(job_id, timeout_s=left, stream=False)
            if job.ended or as_json:
                show(job, as_json=as_json, name=job.kind if len(job_ids) > 1 else "")
            jobs.append(job)
    judge(jobs)
