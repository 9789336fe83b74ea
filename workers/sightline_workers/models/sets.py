"""The sets of held-out drawings that figures are given for."""

from __future__ import annotations

from dataclasses import dataclass

from . import pages, windows
from .lessons import GROUP, Sample, Task, sample


@dataclass(frozen=True, kw_only=True)
class Set:
    """Drawings of one task and level."""

    name: str
    task: Task
    level: int
    about: str
    """What is on the drawings and what is asked, for the model card."""

    def samples(self, count: int) -> list[Sample]:
        """`count` samples that training never sees: their seeds are negative, those of training are not."""
        return [sample(self.task, self.level, -1 - index * GROUP) for index in range(count)]


SETS = (
    Set(
        name="ocr-easy",
        task="ocr",
        level=pages.EASY,
        about="ocr `text`: DejaVu Sans Mono at 26 px, dark on white, letters, digits and `.:-`, 1–20 characters a "
        "line, 1–3 lines, anywhere on the page",
    ),
    Set(
        name="ocr-wide",
        task="ocr",
        level=len(pages.LEVELS) - 1,
        about="ocr `text`: four faces (mono and proportional, regular and bold) at 20–26 px, all colours, light on "
        "dark too, 22 further punctuation marks",
    ),
    Set(
        name="ocr-boxes",
        task="boxes",
        level=pages.EASY,
        about="ocr `boxes` of pages like ocr-easy's",
    ),
    Set(
        name="gui-buttons",
        task="gui",
        level=4,
        about="gui `computer_use`: click the named one of up to 6 buttons; 10 % of the names are not there "
        "(`terminate`, `failure`)",
    ),
    Set(
        name="gui-all",
        task="gui",
        level=windows.EVERYTHING,
        about="gui, `computer_use` and `mobile_use`: up to 6 buttons, fields, checkboxes and menus; click, type into a "
        "named field after clicking it, end when it is done or not there",
    ),
    Set(
        name="gui-dark",
        task="gui",
        level=windows.DARK,
        about="gui like gui-all's, in dark windows: light text on dark, buttons in dark shades",
    ),
    Set(
        name="chat-page",
        task="sign",
        level=pages.EASY,
        about="chat about pages like ocr-easy's: what does it say, what colour is the text, how many lines",
    ),
    Set(
        name="chat-window",
        task="look",
        level=windows.EVERYTHING,
        about="chat about windows like gui-all's: how many buttons, what colour is the button …, is there a button …, "
        "is the box … ticked",
    ),
    Set(
        name="chat-dark",
        task="look",
        level=windows.DARK,
        about="chat like chat-window's, about dark windows",
    ),
    Set(name="chat-talk", task="talk", level=0, about="chat without a picture: ten openings of small talk"),
)
"""Each with its own name, which `evaluate --only` takes."""
