"""`sightline compare`: two jobs side by side on the terminal."""

import json
from typing import TYPE_CHECKING, Any

import click

from sightline.cli.job_ids import JobId
from sightline.cli.params import json_option

if TYPE_CHECKING:
    from rich.table import Table

_CONTEXT = 60
"""Characters of an unchanged text that are shown before and after a change."""
_PHASES = {
    "queue": "queue",
    "prepare": "prepare",
    "ttft": "prefill",
    "decode": "decode",
    "generate": "prefill and decode",
    "total": "all of it",
}


@click.command()
@click.argument("first", metavar="JOB", type=JobId())
@click.argument("second", metavar="OTHER", type=JobId())
@json_option
def compare(first: str, second: str, as_json: bool) -> None:
    """How far apart two jobs of one kind are: a replay (OTHER) from its original (JOB), most of all."""
    from sightline.cli.connection import connected
    from sightline.cli.tables import print_table

    with connected() as client:
        found = client.compare(first, second)
    if as_json:
        click.echo(json.dumps(found.document, ensure_ascii=False))
        return
    print_table(_table(found.document))
    for title, text in _texts(found.document):
        if any(run["change"] != "same" for run in text["runs"]):
            click.secho(f"\n{title}", bold=True)
            click.echo(_difference(text["runs"]))


def _table(document: dict[str, Any]) -> "Table":
    from rich.table import Table
    from rich.text import Text

    first, second = document["first"], document["second"]
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    table.add_column(first["id"], overflow="fold")
    table.add_column(second["id"], overflow="fold")
    table.add_column("")

    def row(*cells: str) -> None:
        table.add_row(*(Text(cell) for cell in cells))  # what people and models wrote is no markup

    row("status", first["status"], second["status"], "")
    for asked in document["asked"]:
        row(asked["name"], _value(asked["first"]), _value(asked["second"]), "")
    action = document["action"]
    if action:
        row("action", action["first"] or "none", action["second"] or "none", _apart(action))
        for argument in action["arguments"]:
            row(argument["name"], _value(argument["first"]), _value(argument["second"]), "")
    for page in document["pages"]:
        for entry in page["fields"]:
            same = "the same" if entry["first"] == entry["second"] else "differs"
            row(entry["name"], _value(entry["first"]), _value(entry["second"]), same)
        if page["boxes"]:
            row(f"boxes of page {page['page']}", *_boxes(page["boxes"]))
    if document["error_rate"] is not None:
        row("character error rate", "", "", f"{document['error_rate']:.2%}")
    for quantity in document["tokens"]:
        row(quantity["name"].replace("_", " "), *_quantity(quantity, "{:.0f}"))
    for quantity in document["phases"]:
        row(_PHASES.get(quantity["name"], quantity["name"]), *_quantity(quantity, "{:.0f} ms"))
    return table


def _apart(action: dict[str, Any]) -> str:
    if action["distance_px"] is None:
        return "the same" if action["same"] else "differs"
    where = "the same place" if action["same_place"] else "another place"
    return f"{action['distance_px']:.0f} px apart, {where}"


def _boxes(boxes: dict[str, Any]) -> tuple[str, str, str]:
    matched = len(boxes["matches"])
    agree = f"{matched} match" + (f", mean IoU {boxes['mean_iou']:.3f}" if matched else "")
    return str(matched + len(boxes["only_first"])), str(matched + len(boxes["only_second"])), agree


def _quantity(quantity: dict[str, Any], form: str) -> tuple[str, str, str]:
    values = [
        form.format(quantity[name]) if quantity[name] is not None else "–" for name in ("first", "second")
    ]
    change = quantity["change"]
    return values[0], values[1], "" if change is None else f"{change:+.0%}"


def _value(value: Any) -> str:
    if value is None:
        return "–"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _texts(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    pages = [(f"Page {page['page']}", page["text"]) for page in document["pages"]]
    return [*pages, *([("Text", document["text"])] if document["text"] else [])]


def _difference(runs: list[dict[str, str]]) -> str:
    """The texts as one: [-gone-] and {+new+} as git's word diff has them, in colour on a terminal."""
    shown = []
    for number, run in enumerate(runs):
        if run["change"] == "less":
            shown.append(click.style(f"[-{run['text']}-]", fg="red"))
        elif run["change"] == "more":
            shown.append(click.style(f"{{+{run['text']}+}}", fg="green"))
        else:
            shown.append(_shortened(run["text"], first=number == 0, last=number == len(runs) - 1))
    return "".join(shown)


def _shortened(text: str, *, first: bool, last: bool) -> str:
    """What did not change, down to what stands beside a change."""
    before, after = "" if first else text[:_CONTEXT], "" if last else text[-_CONTEXT:]
    return text if len(before) + len(after) >= len(text) else f"{before} … {after}"
