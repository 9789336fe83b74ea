"""`sightline tail`: a job's output while it is written."""

import json
from typing import TYPE_CHECKING, Any

import click

from sightline.cli.job_ids import job_argument
from sightline.cli.result_text import result_text

_RESETS = {
    "attempt_failed": "what stands above is void: the attempt failed",
    "gap": "text was lost; from the beginning:",
}

if TYPE_CHECKING:
    from sightline.client import Client, Event, Job


@click.command()
@job_argument()
@click.option("--after", type=click.IntRange(0), default=0, help="Only events after this number.")
@click.option("--json", "as_json", is_flag=True, help="Every event as JSON, one a line.")
def tail(job_id: str, after: int, as_json: bool) -> None:
    """Show a job's text as the model writes it, and how the job fares on standard error.

    It goes on where it was when the connection breaks or the server restarts. Ctrl-C leaves the job running.
    """
    from sightline.cli.connection import LONG_PATIENCE_S, connected
    from sightline.cli.job_result import judge

    with connected(patience_s=LONG_PATIENCE_S) as client:
        judge([follow(client, job_id, after=after, as_json=as_json)], untold=True)


def follow(client: "Client", job_id: str, *, after: int = 0, as_json: bool = False) -> "Job":
    """Show a job's events to its end; the ended job."""
    terminal = Terminal(goes_on=after > 0)
    for event in client.events(job_id, after=after):
        if as_json:
            line = {"id": event.number, "event": event.type, "data": event.data}
            click.echo(json.dumps(line, ensure_ascii=False))
        else:
            terminal.show(event)
    job = client.job(job_id)
    if not as_json and not terminal.complete and job.output is not None:
        click.echo(result_text(job))
    return job


def _brief(item: dict[str, Any]) -> str:
    """An action or a tool call on one line."""
    return json.dumps(item.get("arguments") or item.get("function") or item, ensure_ascii=False)


class Terminal:
    """Text on standard output, everything else on standard error."""

    def __init__(self, *, goes_on: bool = False) -> None:
        """`goes_on`: an earlier one has shown what came before."""
        self._stands = goes_on
        """Something stands above that can become void."""
        self._index: int | None = None
        """The call whose text the line is of: a page of ocr is one."""
        self._in_line = False
        self.complete = False
        """What was shown is all of the text: not where nobody read it while it was written, or some was lost."""

    def show(self, event: "Event") -> None:
        data = event.data
        match event.type:
            case "output.delta":
                self._text(data)
            case "output.reset":
                if self._stands:
                    self._say(_RESETS.get(str(data.get("reason")), "what stands above is void"))
                self._stands = self.complete = False
                self._whole(data)
            case "job.queued":
                place = (data.get("queue") or {}).get("position")
                self._say("queued" + (f", number {place}" if place else ""))
            case "job.started":
                self._say(f"started, run {data.get('attempt')}")
            case "job.attempt_failed":
                self._say(f"run {data.get('attempt')} failed: {data.get('code')}")
            case "job.progress":
                done, total, unit = data.get("done"), data.get("total"), data.get("unit")
                verb = "fetched" if data.get("phase") == "prepare" else "done"
                self._say(f"{unit} {done} of {total} {verb}")
            case "output.item":
                self._stands = True
                if data.get("type") != "page":  # a page's text stands above already
                    self._say(f"{data.get('type')}: {_brief(data.get('item') or {})}")
            case _ if event.terminal:
                self._end(data)
            case _:
                self._say(event.type.removeprefix("job."))

    def _text(self, data: dict[str, Any]) -> None:
        if self._index not in (None, data.get("index")):
            self._break()
        self._index = data.get("index")
        self._write(str(data.get("text") or ""))

    def _whole(self, data: dict[str, Any]) -> None:
        """All of the text so far, after a gap."""
        for index, text in enumerate(data.get("texts") or ()):
            self._text({"index": index, "text": text})

    def _end(self, data: dict[str, Any]) -> None:
        """Without the reason of an end that is no success: the command ends with it."""
        total = (data.get("timings_ms") or {}).get("total")
        self._say(str(data.get("status")) + (f" in {total:.0f} ms" if total is not None else ""))

    def _write(self, text: str) -> None:
        if text:
            self._stands = self.complete = True
            click.echo(text, nl=False)
            self._in_line = not text.endswith("\n")

    def _break(self) -> None:
        if self._in_line:
            click.echo()
            self._in_line = False

    def _say(self, words: str) -> None:
        self._break()
        self._index = None
        click.secho(words, err=True, dim=True)
