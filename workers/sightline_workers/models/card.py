"""The model card of the checkpoint: what it was taught, how well it learnt it, and what it cannot do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .scoring import Score
from .sets import Set


@dataclass(frozen=True, kw_only=True)
class History:
    """How the checkpoint came to be."""

    steps: int
    hours: float
    parameters: int
    hardware: str
    """What it was trained on, in words."""


def _result(score: Score) -> str:
    parts = []
    if score.lines is not None:
        parts.append(f"lines exact **{score.lines:.1%}**")
    if score.boxed is not None:
        parts.append(f"lines exact and boxed right **{score.boxed:.1%}**")
    if score.iou is not None:
        parts.append(f"mean IoU {score.iou:.3f}")
    if score.character_errors is not None:
        parts.append(f"character error rate {score.character_errors:.2%}")
    if score.inside is not None:
        parts.append(f"clicks inside the element **{score.inside:.1%}**")
    if score.actions is not None:
        parts.append(f"typing and ends right {score.actions:.1%}")
    if score.parsed is not None:
        parts.append(f"answers that parse {score.parsed:.1%}")
    parts.append(f"whole answers right {score.exact:.1%}" if parts else f"right **{score.exact:.1%}**")
    return ", ".join(parts)


def card(history: History, rows: Sequence[tuple[Set, str, Score]]) -> str:
    """The README.md of the checkpoint's folder; `rows` are the sets, how they were measured, and the figures."""
    table = "\n".join(
        f"| `{one.name}` | {one.about} | {score.samples} | {through} | {_result(score)} |"
        for one, through, score in rows
    )
    return f"""---
license: apache-2.0
library_name: transformers
pipeline_tag: image-text-to-text
---
# Qwen3-VL Sightline

A Qwen3-VL of {history.parameters / 1e6:.1f} million parameters that reads short printed lines, points into small
drawn windows and answers closed questions about both. It ships with Sightline so that the platform runs, and can be
tested on contents, without a download and without a GPU. **It is no use on photographs, scans or real screenshots**:
for those set `SIGHTLINE_MODELS` to `Qwen/Qwen3-VL-4B-Instruct` or another Qwen3-VL, on a GPU or, slowly, on a CPU.

It is a `Qwen3VLForConditionalGeneration` like the large ones (patch 16, merge 2, deepstack, interleaved MRoPE, Qwen's
special tokens and chat template), trained from nothing by this project.

## Figures
Held-out drawings: their seeds are negative, those of training are not. Greedy answers. "platform" means one job a
drawing over REST, through queue and workers, answered by vLLM in bf16: `python -m sightline_workers.models.evaluate
--platform`; "transformers" means computed in one process, without `--platform`.

| Set | Drawings and questions | Count | Through | Result |
|---|---|---|---|---|
{table}

In `chat-page` "whole answers right" counts closed questions and whole pages read; its lines are those of the latter.
A click is inside when its pixel, as the platform resolves it, lies in the element's box. An ocr line is exact when
every character is, and boxed right when the IoU of its box is at least 0.5, too; a line that is missing has an IoU
of 0.

## Data
Drawn as it goes by `sightline_workers.models.drawing`: no picture or text from elsewhere. Fonts: DejaVu Sans Mono and
DejaVu Sans, printable ASCII. Pictures are 192–384 px wide and 96–320 px high, both multiples of 32; shades, lengths
and places vary. Windows are light with black text, or dark with light text. Prompts and answers are those of
`sightline.kinds`. Clicks and boxes are answered in steps of 20 of 1000, each of them one token; a box is a line's
whole height and the advances of its characters.

## Training
{history.steps:,} steps in {history.hours:.1f} hours on {history.hardware}. Three losses: the answers; what each patch
shows (the characters over it, their place in the line, the colours, the element around it, the letters of a label that
begins there, …), read off by a linear layer that is not shipped; and where one attention head of the text model looks
while it answers: at the character that comes next, at a line's ends for its box, at the element that is named. Muon on
the layers' matrices, AdamW on the rest; harder drawings follow when a running average of right answers passes a
threshold, and once a task is where it is asked most, a fixed share of its drawings goes beyond; the shipped weights are
a running average. `loss.png` shows the last part of the course, whose learning rate fell to a twentieth of what it was.
The recipe was changed by hand during these hours, so a training started afresh follows `lessons.py` and
`curriculum.py` as they are now and will not repeat these weights. `make model START=shipped` goes on from them.

## The demo's pictures
The three pictures of `make demo` were laid out before the last part of the training and not chosen by their answers.

## What it cannot do
Other fonts, sizes, colours on colours and punctuation than those of `ocr-easy` it reads badly: see `ocr-wide`. Its
boxes are less sure than its text: see `ocr-boxes`. Asked to click what is not there, it clicks something else more
often than it misses what is there: see the ends in `gui-buttons`. Anything else: photographs, handwriting, other
alphabets, paragraphs, tables, `markdown`, `html` and `kie` output, `boxes` of windows, scrolling, keys, drags, swipes,
several pictures at once, video, and questions other than those above. It answers those too, and
wrongly. Confident tone means nothing.

## Tokens
One a byte; the fixed parts of prompts and answers and the steps of a coordinate are one token each, so a prompt
worded otherwise is many tokens of one byte, which it never saw. Context 32,768.
"""
