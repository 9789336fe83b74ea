"""One batch from its file of requests to its file of results, taken up again wherever it was stopped."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

import click

from sightline.cli.bars import bar
from sightline.cli.connection import LONG_PATIENCE_S, connected, default_url
from sightline.cli.exit_codes import USAGE, Failed, Interrupted
from sightline.client import Batch, Client, NotFound

_RUN = "sightline_run"
"""Names the run in the batch's metadata."""
_LOOK_BACK = 100
"""Batches among which one is looked for that was made just before the command was stopped."""


@dataclass
class State:
    """What is remembered between runs of the command, beside the results."""

    server: str
    sha256: str
    """Of the file of requests."""
    key: str
    """Idempotency key of the batch."""
    window: str
    file_id: str = ""
    batch_id: str = ""

    def save(self, path: Path) -> None:
        part = path.with_name(f"{path.name}.part")
        part.write_text(json.dumps(asdict(self)))
        part.replace(path)


def run(
    requests: Path, *, output: Path, window: str, no_wait: bool, again: bool, cancel_on_interrupt: bool
) -> None:
    """Send, follow, write. Raises Failed, Interrupted."""
    errors = output.with_name(f"{output.stem.removesuffix('.results')}.errors.jsonl")
    memory = output.with_name(f".{output.name}.sightline.json")
    state = None if again else _remembered(requests, memory)
    if state is None:
        for file in (output, errors):
            file.unlink(missing_ok=True)  # of another run
        state = State(server=default_url(), sha256=_digest(requests), key=str(uuid.uuid4()), window=window)
        state.save(memory)
    with connected(patience_s=LONG_PATIENCE_S) as client:
        try:
            batch = _begun(client, requests, state, memory)
            if no_wait:
                click.echo(batch.id)
                return
            batch = _follow(client, batch, output=output, errors=errors)
        except KeyboardInterrupt:
            raise _stopped(client, state, cancel=cancel_on_interrupt) from None
    memory.unlink(missing_ok=True)
    click.echo(f"{batch.completed} of {batch.total} results are in {output}.", err=True)
    if batch.status != "completed" or batch.failed:
        why = "; ".join(str(error.get("message") or error.get("code")) for error in batch.errors)
        where = f" See {errors}." if errors.exists() else ""
        raise Failed(
            f"{batch.id} is {batch.status}, {batch.failed} requests failed.{where}{f' {why}' if why else ''}"
        )


def _remembered(requests: Path, memory: Path) -> State | None:
    """An earlier run of the same file on the same server that was stopped."""
    try:
        state = State(**json.loads(memory.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return state if (state.server, state.sha256) == (default_url(), _digest(requests)) else None


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _begun(client: Client, requests: Path, state: State, memory: Path) -> Batch:
    """The batch, made unless it was."""
    if state.batch_id:
        click.echo(f"Going on with {state.batch_id}.", err=True)
        try:
            return client.batch(state.batch_id)
        except NotFound as gone:
            raise Failed(f"{state.batch_id} is no more; --again runs the file anew.") from gone
    endpoint = _endpoint(requests)
    batch: Batch | None = None
    if state.file_id:  # it was sent; was the batch made as well, and the answer lost?
        made = (one for one in client.batches(limit=_LOOK_BACK) if one.metadata.get(_RUN) == state.key)
        batch = next(made, None)
    else:
        state.file_id = client.send_file(requests)
        state.save(memory)
    batch = batch or client.create_batch(
        state.file_id,
        endpoint=endpoint,
        completion_window=state.window,
        metadata={_RUN: state.key},
        idempotency_key=state.key,
    )
    state.batch_id = batch.id
    state.save(memory)
    return batch


def _endpoint(requests: Path) -> str:
    """Where the first request goes: a batch has one endpoint."""
    with requests.open("rb") as file:
        first = next((line for line in file if line.strip()), b"")
    try:
        return str(json.loads(first)["url"])
    except (ValueError, TypeError, KeyError) as error:
        raise Failed(
            f'The first line of {requests} is no request {{"custom_id": …, "method": "POST", "url": …, "body": …}}.',
            code=USAGE,
        ) from error


def _follow(client: Client, batch: Batch, *, output: Path, errors: Path) -> Batch:
    """Write what ends as it ends, until all has."""
    with _appending(output) as results, _appending(errors) as failures, bar() as shown:
        task = shown.add_task(batch.status, total=batch.total or None, note="")
        for now in client.follow_batch(batch.id):
            results.take(client, now.output_file_id)
            failures.take(client, now.error_file_id)
            shown.update(
                task,
                description=now.status.replace("_", " "),
                total=now.total or None,
                completed=now.completed + now.failed,
                note=f"{now.failed} failed" if now.failed else "",
            )
            batch = now
    if errors.stat().st_size == 0:
        errors.unlink()
    return batch


class _Appended:
    """A file of lines that takes over only those it does not have."""

    def __init__(self, file: BinaryIO, lines: int) -> None:
        self._file, self._lines = file, lines

    def take(self, client: Client, file_id: str | None) -> None:
        if file_id is None:
            return
        for line in client.lines(file_id, skip=self._lines):
            self._file.write(line + b"\n")
            self._lines += 1
        self._file.flush()


@contextmanager
def _appending(path: Path) -> Iterator[_Appended]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        file.seek(0)
        lines = whole = 0
        for line in file:
            if line.endswith(b"\n"):
                lines, whole = lines + 1, whole + len(line)
        os.truncate(path, whole)  # a last line that was cut off is written again
        yield _Appended(file, lines)


def _stopped(client: Client, state: State, *, cancel: bool) -> Interrupted:
    if not state.batch_id:
        return Interrupted(
            "Stopped before the batch was accepted. The same command goes on where this one stopped."
        )
    if cancel:
        client.cancel_batch(state.batch_id)
        return Interrupted(f"{state.batch_id} is cancelled; the same command fetches what had ended.")
    return Interrupted(
        f"{state.batch_id} goes on without us. The same command goes on where this one stopped;"
        f" `sightline batch cancel {state.batch_id}` ends it."
    )
