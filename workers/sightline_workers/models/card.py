"""The model card of the checkpoint: what it was taught, how well it learnt it, and what it cannot do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from . import pages, windows
from .lessons import TALK, Task
from .scoring import Score

TITLES: dict[Task, str] = {
    "ocr": "ocr, `text`: a page read as a whole",
    "gui": "gui, `computer_use`: click the named button",
    "sign": "chat: what does the page say?",
    "look": "chat: how many buttons, what colour, is there a …?",
    "talk": "chat without a picture",
    "echo": "chat: repeat what was said",
}


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One line of the card's figures."""

    task: Task
    level: int
    score: Score


@dataclass(frozen=True, kw_only=True)
class History:
    """How the checkpoint came to be."""

    steps: int
    hours: float
    parameters: int
    hardware: str


def _domain(task: Task, level: int) -> str:
    """What the pictures of `task` at `level` hold, in words."""
    if task in ("ocr", "sign"):
        page = pages.LEVELS[level]
        place = "in the corner" if not page.freedom else f"up to {page.freedom} px from the corner"
        place = "anywhere" if page.freedom > 300 else place
        place = "anywhere on a grid of 16 x 32 px" if page.stepped else place
        sizes = "/".join(map(str, page.sizes))
        return (
            f"{page.shortest}–{page.longest} characters a line, up to {page.rows} lines, {place}, "
            f"{', '.join(page.faces)} at {sizes} px"
        )
    if task in ("gui", "look"):
        window = windows.LEVELS[level]
        place = f"within {window.freedom} px of a grid" if not window.anywhere else "anywhere"
        sizes = "/".join(map(str, window.sizes))
        missing = (
            f", {window.missing:.0%} of the wanted ones absent" if task == "gui" and window.missing else ""
        )
        return f"{window.buttons[0]}–{window.buttons[1]} buttons {place}, {sizes} px{missing}"
    if task == "echo":
        return f"up to {6 + 6 * level} characters"
    return f"{len(TALK)} openings of small talk, learnt by heart"


def _figures(score: Score) -> str:
    parts = [f"whole answers exact {score.exact:.1%}"]
    if score.lines is not None:
        parts.append(f"lines exact {score.lines:.1%}")
    if score.character_errors is not None:
        parts.append(f"character error rate {score.character_errors:.2%}")
    if score.inside is not None:
        parts.append(f"right target {score.inside:.1%}")
    if score.parsed is not None:
        parts.append(f"answers that parse {score.parsed:.1%}")
    return ", ".join(parts)


def card(history: History, measured: Sequence[Measured]) -> str:
    """The README.md of the checkpoint's folder."""
    rows = "\n".join(
        f"| {TITLES[one.task]} | {_domain(one.task, one.level)} | {one.score.samples} | {_figures(one.score)} |"
        for one in measured
    )
    return f"""---
license: apache-2.0
library_name: transformers
pipeline_tag: image-text-to-text
---
# Qwen3-VL Sightline

A Qwen3-VL of {history.parameters / 1e6:.1f} million parameters that reads short printed lines and points at buttons in
small drawn windows. It ships with Sightline so that the platform runs, and can be tested on contents, without a
download and without a GPU. **It is no use on photographs, scans or real screenshots**: for those set `SIGHTLINE_MODELS`
to `Qwen/Qwen3-VL-4B-Instruct` or another Qwen3-VL.

It is a `Qwen3VLForConditionalGeneration` like the large ones (patch 16, merge 2, deepstack, interleaved MRoPE, Qwen's
special tokens and chat template), trained from nothing by `make model`.

## Figures
Held-out drawings, greedy answers, weights rounded to bf16 as they are shipped. The levels are those of
`lessons.py`; the last line of each task is as far as its training came.

| Task | Drawings | Count | Result |
|---|---|---|---|
{rows}

## Data
Drawn as it goes by `sightline_workers.models.drawing`: no picture or text from elsewhere. Fonts: DejaVu Sans Mono and
DejaVu Sans, printable ASCII. Pictures are 192–384 px wide and 96–320 px high, both multiples of 32; colours, lengths
and places vary. Prompts and answers are those of `sightline.kinds`. Clicks are answered in steps of 10 of 1000.

## Training
{history.steps:,} steps of 32 or 48 samples in {history.hours:.1f} hours on {history.hardware}. Loss on the answers,
and a second one on what each patch shows (character, column, line, centre of the button around it), whose heads are
not shipped. AdamW at 6e-4; harder drawings follow when a running average of whole answers right passes a threshold;
the shipped weights are a running average. `loss.png` shows the course.
Levels, shares of the tasks and the extra lessons were changed by hand during this run, and a training started afresh
follows `lessons.py` as it is now, so it will not repeat these weights.

## The demo's pictures
`make demo` shows one picture a kind from `drawing/demo.py`. Its window was picked among nine layouts for one that these
weights answer rightly: judge pointing by the rows above, not by the demo.

## What it cannot do
Anything else: phones (`mobile_use`), more than two buttons reliably, text at places off the grid, other fonts or
sizes, saying that a button is missing, photographs, handwriting, other alphabets, paragraphs, tables, `markdown`,
`html`, `boxes` and `kie` output, menus and text fields, several pictures at once, video, questions other than
"What does it say?", "How many
buttons are there?", "What colour is the button X?", "Is there a button X?" and a little small talk. It answers those
too, and wrongly. Confident tone means nothing.

## Tokens
One a byte; the fixed parts of prompts and answers are one token each, so a prompt worded otherwise is many
tokens of one byte, which it never saw. Context 32,768.
"""
