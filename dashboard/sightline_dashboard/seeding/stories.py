"""What the seeded jobs ask and what the model answered. The answers go through the kinds' own parsers."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from sightline.kinds.contract import Reply, Usage
from sightline_dashboard.seeding import pictures
from sightline_dashboard.seeding.pictures import Picture


@dataclass(frozen=True, kw_only=True)
class Story:
    """One request and the model's raw reply to it."""

    kind: str
    picture: Picture
    input: dict[str, Any]
    """As a client sends it; `images` is filled in."""
    reply: Reply
    tags: tuple[str, ...] = ()
    params: dict[str, Any] = field(default_factory=dict)


def _reply(text: str, finish: str = "stop") -> Reply:
    usage = Usage(input_tokens=1180, image_tokens=1020, output_tokens=max(8, len(text) // 4))
    return Reply(text=text, finish=finish, usage=usage, model="default")


def _call(tool: str, **arguments: Any) -> str:
    return f"<tool_call>\n{json.dumps({'name': tool, 'arguments': arguments})}\n</tool_call>"


def click() -> Story:
    picture = pictures.window()
    text = (
        "Thought: The dialog asks whether to keep the changes, so the file is saved by its blue button.\n"
        "Action: Click Save in the dialog.\n"
        + _call("computer_use", action="left_click", coordinate=picture.middle("Save"))
    )
    return Story(
        tags=(
            "desktop",
            "save-dialog",
        ),
        kind="gui",
        picture=picture,
        input={"tool": "computer_use", "instruction": "Save the file", "history": ["Closed the window"]},
        reply=_reply(text),
    )


def swipe() -> Story:
    picture = pictures.phone()
    text = "Action: Swipe up to see more settings.\n" + _call(
        "mobile_use",
        action="swipe",
        coordinate=picture.middle("Battery", 999),
        coordinate2=picture.middle("Bluetooth", 999),
    )
    return Story(
        tags=("phone",),
        kind="gui",
        picture=picture,
        input={"tool": "mobile_use", "instruction": "Scroll down to the storage settings", "history": []},
        reply=_reply(text),
    )


def typing() -> Story:
    text = _call("computer_use", action="type", text="1065.90")
    return Story(
        tags=("desktop",),
        kind="gui",
        picture=pictures.window(),
        input={"tool": "computer_use", "instruction": "Enter the total of the invoice", "history": []},
        reply=_reply(text),
    )


def boxes() -> Story:
    picture = pictures.invoice()
    lines = [{"bbox_2d": picture.grid(text), "text_content": text} for text in picture.parts]
    text = "```json\n" + json.dumps(lines) + "\n```"
    return Story(
        tags=(
            "invoices",
            "boxes",
        ),
        kind="ocr",
        picture=picture,
        input={"mode": "boxes"},
        reply=_reply(text),
    )


def plain_text() -> Story:
    picture = pictures.invoice()
    return Story(
        tags=("invoices",),
        kind="ocr",
        picture=picture,
        input={"mode": "text"},
        reply=_reply("\n".join(picture.parts)),
    )


def kie() -> Story:
    answer = json.dumps({"invoice_number": "4711", "total": "1065.90", "date": "2026-03-14"})
    fields = ["invoice_number", "total", "date"]
    return Story(
        tags=(
            "invoices",
            "nightly",
        ),
        kind="ocr",
        picture=pictures.invoice(),
        input={"mode": "kie", "fields": fields},
        reply=_reply(answer),
    )


def html() -> Story:
    text = (
        "```html\n<h1>Invoice 4711</h1><table border=1><tr><td>12 lenses 50 mm</td><td>840.00</td></tr>"
        "<tr><td>3 filters ND8</td><td>96.00</td></tr><tr><td>1 tripod</td><td>129.90</td></tr></table>"
        "<p>Total <b>EUR 1065.90</b></p>\n```"
    )
    return Story(
        tags=(
            "invoices",
            "html",
        ),
        kind="ocr",
        picture=pictures.invoice(),
        input={"mode": "html"},
        reply=_reply(text),
    )


def markdown() -> Story:
    text = "# Invoice 4711\n\n| Item | EUR |\n|---|---|\n| 12 lenses 50 mm | 840.00 |\n| 3 filters ND8 | 96.00 |\n"
    return Story(
        tags=("invoices",),
        kind="ocr",
        picture=pictures.invoice(),
        input={"mode": "markdown"},
        reply=_reply(text),
    )


def looping() -> Story:
    text = "Invoice 4711\n" + "840.00 " * 400
    return Story(
        tags=("invoices",),
        kind="ocr",
        picture=pictures.invoice(),
        input={"mode": "text"},
        reply=_reply(text, "repetition"),
    )


def chat() -> Story:
    text = "Wednesday is the busiest day: its bar is the tallest. Friday is the quietest."
    return Story(
        tags=("weekly-report",),
        kind="chat",
        picture=pictures.chart(),
        input={"prompt": "On which weekday do most jobs arrive, and on which the fewest?"},
        reply=_reply(text),
        params={"max_tokens": 256},
    )


def click_beside() -> Story:
    """The same screenshot at a higher temperature: the neighbouring button is hit."""
    picture = pictures.window()
    text = "Action: Click Cancel in the dialog.\n" + _call(
        "computer_use", action="left_click", coordinate=picture.middle("Cancel")
    )
    return replace(click(), reply=_reply(text), params={"temperature": 0.9}, tags=("desktop", "replayed"))


def boxes_of_fewer_pixels() -> Story:
    """The same invoice with a smaller pixel budget: boxes move, a digit is misread and a line is lost."""
    picture = pictures.invoice()
    lines = [
        {
            "bbox_2d": [value + shift for value, shift in zip(picture.grid(text), (3, 1, 9, 2), strict=True)],
            "text_content": text.replace("1065.90", "1085.90"),
        }
        for text in picture.parts
        if not text.startswith("Payable")
    ]
    text = "```json\n" + json.dumps(lines) + "\n```"
    params = {"pixels": {"max": 262_144}}
    return replace(boxes(), reply=_reply(text), params=params, tags=("invoices", "boxes", "replayed"))


def chat_again() -> Story:
    text = "Wednesday is by far the busiest day. Friday is the quietest, just below Monday."
    return replace(chat(), reply=_reply(text), params={"max_tokens": 256, "seed": 7}, tags=("replayed",))


REPLAYED: tuple[tuple[str, Callable[[], Story]], ...] = (
    ("save-dialog", click_beside),
    ("boxes", boxes_of_fewer_pixels),
    ("weekly-report", chat_again),
)
"""Which tag a job has that is replayed, and how it comes out then."""

ALL: tuple[Callable[[], Story], ...] = (
    click,
    swipe,
    typing,
    boxes,
    plain_text,
    kie,
    html,
    markdown,
    looping,
    chat,
)
