"""Many jobs at once, with a bar: stopped at any point, the same command goes on where it was."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sightline.cli.bars import bar
from sightline.cli.connection import LONG_PATIENCE_S, default_key, default_url, told
from sightline.cli.exit_codes import TIME_IS_UP, Failed, Interrupted
from sightline.cli.inputs import Asked
from sightline.cli.job_result import show, shown
from sightline.cli.journal import Held, Journal, journal_path
from sightline.client import (
    AsyncClient,
    Client,
    ClientError,
    Conflict,
    Gone,
    InvalidRequest,
    Job,
    NotFound,
    TooMany,
)

if TYPE_CHECKING:
    from rich.progress import Progress

_SENDERS = 8
"""Images on their way at once: enough to keep the server busy, too few to crowd it."""
_FOLLOWERS = 64
"""Jobs waited for at once: those that were sent first, which end first."""
_SHORT_S = 120.0
"""A queue that is full for so long has room again while we wait."""
_SHOWN = 10
_GOES_ON = "The same command goes on where this one stopped."


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How the results are wanted."""

    output: Path | None
    as_json: bool
    no_wait: bool
    timeout: float | None
    retry_failed: bool
    cancel_on_interrupt: bool
    again: bool = False
    """Forget what an earlier run did."""
    suffix: str = ".txt"
    """Of a saved result's name."""


@dataclass
class Tally:
    """How far the run is."""

    total: int
    ended: Counter[str] = field(default_factory=Counter)
    jobs: dict[int, Job] = field(default_factory=dict)
    """By place in what was asked; only those whose results are still to be shown."""
    bad: list[str] = field(default_factory=list)
    """What did not succeed, a line each."""


def submit_many(kind: str, asked: Sequence[Asked], *, envelope: Mapping[str, Any], manner: Manner) -> None:
    """Submit all, wait for all, save or show the results. Raises Failed, Interrupted."""
    url, key = default_url(), default_key()
    request = {"url": url, "kind": kind, "json": manner.as_json, "input": asked[0].input, **envelope}
    path = journal_path(manner.output, request, [one.name for one in asked])
    try:
        with told(), Journal(path, anew=manner.again) as journal:
            run = Run(kind, asked, envelope=envelope, manner=manner, journal=journal)
            try:
                asyncio.run(run.all(url=url, key=key))
            except KeyboardInterrupt:
                raise Interrupted(_stopped(run, url=url, key=key)) from None
            except ClientError:
                click.echo(_GOES_ON, err=True)
                raise
            except TimeoutError:
                raise Failed(
                    "The time is up; the same command goes on where this one stopped.", code=TIME_IS_UP
                ) from None
            run.report()
    except Held as held:
        raise Failed("The same run goes on in another process.") from held


def _stopped(run: Run, *, url: str, key: str) -> str:
    journal, done = run.journal, sum(run.tally.ended.values())
    left = list(journal.unended())
    if not run.manner.cancel_on_interrupt:
        return f"Stopped with {done} of {run.tally.total} done; {len(left)} jobs go on without us. {_GOES_ON}"
    with Client(url=url, key=key, patience_s=5.0) as client:
        for name, job in left:
            client.cancel(job)
            journal.again(name)
    return f"Stopped with {done} of {run.tally.total} done; {len(left)} jobs were cancelled."


class Run:
    """One run."""

    def __init__(
        self,
        kind: str,
        asked: Sequence[Asked],
        *,
        envelope: Mapping[str, Any],
        manner: Manner,
        journal: Journal,
    ) -> None:
        self.kind, self.asked, self.envelope, self.manner, self.journal = (
            kind,
            asked,
            envelope,
            manner,
            journal,
        )
        self.tally = Tally(total=len(asked))

    async def all(self, *, url: str, key: str) -> None:
        """Every image through the two stages: send, and follow to the end."""
        places = iter(range(len(self.asked)))
        following: asyncio.Queue[tuple[int, str, str] | None] = asyncio.Queue()
        with _bar(self.tally, resumed=self.journal.resumed) as bar:
            async with (
                asyncio.timeout(self.manner.timeout),
                AsyncClient(
                    url=url, key=key, patience_s=LONG_PATIENCE_S, on_trouble=bar.console.print
                ) as client,
            ):
                steps = _Steps(self, client, bar)
                await _together(
                    self._send(steps, places, following),
                    *(self._follow(steps, following) for _ in range(min(_FOLLOWERS, len(self.asked)))),
                )

    async def _send(
        self,
        steps: _Steps,
        places: Iterable[int],
        following: asyncio.Queue[tuple[int, str, str] | None],
    ) -> None:
        async def sender() -> None:
            for place in places:
                sent = await steps.send(place)
                if sent is not None:
                    following.put_nowait((place, *sent))

        await _together(*(sender() for _ in range(_SENDERS)))
        for _ in range(min(_FOLLOWERS, len(self.asked))):
            following.put_nowait(None)

    async def _follow(self, steps: _Steps, following: asyncio.Queue[tuple[int, str, str] | None]) -> None:
        while (next_one := await following.get()) is not None:
            place, item, job = next_one
            await steps.follow(place, item, job)

    def report(self) -> None:
        """Results that are not saved, then what went wrong."""
        tally, manner = self.tally, self.manner
        for place in sorted(tally.jobs):
            job = tally.jobs[place]
            if manner.no_wait:
                click.echo(json.dumps(job.document, ensure_ascii=False) if manner.as_json else job.id)
            else:
                show(job, as_json=manner.as_json, name=self.asked[place].name)
        if manner.output is None:
            self.journal.remove()
        elif not manner.no_wait:
            click.echo(
                f"{tally.ended['succeeded']} of {tally.total} results are in {manner.output}.", err=True
            )
        if tally.bad:
            for line in tally.bad[:_SHOWN]:
                click.echo(line, err=True)
            more = f" The first {_SHOWN} are above." if len(tally.bad) > _SHOWN else ""
            raise Failed(f"{len(tally.bad)} of {tally.total} jobs did not succeed.{more}")


class _Steps:
    """What is done with one image."""

    def __init__(self, run: Run, client: AsyncClient, bar: Progress) -> None:
        self._run, self._client, self._bar = run, client, bar
        self._journal, self._manner = run.journal, run.manner

    async def send(self, place: int) -> tuple[str, str] | None:
        """(item, job) to be followed; None when the image needs no more."""
        asked = self._run.asked[place]
        try:
            item = f"{asked.name}#{await asyncio.to_thread(_digest, asked.images)}"
        except OSError as error:
            self._end(place, "unreadable", f"{asked.name}: {error.strerror or error}")
            return None
        known = self._journal.item(item)
        if known.status is not None and await self._settled(place, item):
            return None
        job = known.job
        if job is None:
            job = await self._submit(place, item)
        if job is None:
            return None
        if self._manner.no_wait:
            self._run.tally.jobs[place] = await self._client.job(job)
            self._end(place, "submitted")
            return None
        return item, job

    async def follow(self, place: int, item: str, job_id: str) -> None:
        """Wait for the job, and save its result."""
        while True:
            try:
                # Without the event stream: nobody looks at its text, which the worker need not publish then.
                job = await self._client.wait(job_id, stream=False)
                break
            except (NotFound, Gone):  # erased meanwhile
                self._journal.again(item)
                anew = await self._submit(place, item)
                if anew is None:
                    return
                job_id = anew
        name, output = self._run.asked[place].name, self._manner.output
        if output is None:
            self._run.tally.jobs[place] = job
        elif job.output is not None:
            await asyncio.to_thread(_save, self._file(place), shown(job, as_json=self._manner.as_json))
        self._journal.ended(item, job.status)
        error = (job.error or {}).get("message")
        self._end(place, job.status, f"{name}: {job.id} is {job.status}{f': {error}' if error else ''}")

    async def _settled(self, place: int, item: str) -> bool:
        """It ended in an earlier run: is there nothing left to do?"""
        known, asked = self._journal.item(item), self._run.asked[place]
        if self._manner.output is None or known.job is None:
            self._journal.reopen(item)  # its result is shown again
            return False
        if known.status == "succeeded":
            if self._file(place).exists():
                self._end(place, known.status)
                return True
            self._journal.reopen(item)  # somebody removed the result: fetch it once more
            return False
        if not self._manner.retry_failed:
            self._end(place, str(known.status), f"{asked.name}: {known.job} is {known.status}")
            return True
        try:
            await self._client.retry(known.job)
            self._journal.reopen(item)
        except (Conflict, NotFound, Gone):
            self._journal.again(item)
        return False

    async def _submit(self, place: int, item: str) -> str | None:
        asked, run = self._run.asked[place], self._run
        while True:
            try:
                job = await self._client.submit(
                    run.kind,
                    asked.input,
                    images=list(asked.images),
                    idempotency_key=self._journal.key(item),
                    **run.envelope,
                )
            except TooMany as full:
                if (full.retry_after_s or 0) > _SHORT_S:
                    raise
                continue  # asked for as long as the client is patient; our own jobs make room
            except InvalidRequest as refused:
                if refused.code == "idempotency_mismatch":
                    self._journal.again(item)  # what was first sent under this key has been erased
                    continue
                self._end(place, "refused", f"{asked.name}: {refused}")
                return None
            self._journal.submitted(item, job.id)
            return job.id

    def _file(self, place: int) -> Path:
        name = self._run.asked[place].name
        suffix = ".json" if self._manner.as_json else self._manner.suffix
        return (self._manner.output or Path()) / f"{name}{suffix}"

    def _end(self, place: int, status: str, line: str = "") -> None:
        tally = self._run.tally
        tally.ended[status] += 1
        if status not in ("succeeded", "submitted"):
            tally.bad.append(line)
        counts = ", ".join(f"{n} {name}" for name, n in sorted(tally.ended.items()))
        self._bar.update(self._bar.task_ids[0], advance=1, note=counts)


async def _together(*work: Any) -> None:
    """All to their ends; the first error ends the others, and is raised as it is."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _bar(tally: Tally, *, resumed: bool) -> Progress:
    shown = bar(remaining=True)
    shown.add_task("going on" if resumed else "jobs", total=tally.total, note="")
    if resumed and not shown.console.is_terminal:
        click.echo("Going on with an earlier run.", err=True)
    return shown


def _digest(images: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for image in images:
        digest.update(hashlib.sha256(image.read_bytes()).digest())
    return digest.hexdigest()[:32]


def _save(file: Path, text: str) -> None:
    """Whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.part")
    part.write_text(text + "\n")
    part.replace(file)
