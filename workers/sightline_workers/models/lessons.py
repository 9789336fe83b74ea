"""What the model is taught: a task's levels from easy to hard, and the samples of each level.

Prompts and answers are those of `sightline.kinds`, so that the platform asks what was trained.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from sightline.kinds.chat import prompt as chat
from sightline.kinds.gui import prompt as gui
from sightline.kinds.ocr import prompt as ocr

from . import pages, windows
from .drawing import Scene

Task = Literal["ocr", "gui", "sign", "look", "talk"]
"""ocr and gui as the platform asks them; chat about a page, about a window, and without a picture."""

TASKS: tuple[Task, ...] = ("ocr", "gui", "sign", "look", "talk")


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One question with its right answer."""

    scene: Scene | None
    messages: list[dict[str, Any]]
    answer: str


def _ocr(rng: random.Random, level: int) -> Sample:
    scene = pages.draw(rng, level)
    return Sample(scene=scene, messages=ocr.messages(image=0, mode="text"), answer=scene.text)


def click(scene: Scene, index: int) -> str:
    """The answer that clicks the middle of element `index`, on the grid of 1000 that Qwen answers on."""
    element = scene.elements[index]
    x, y = element.centre
    point = [round(x / scene.image.width * 1000), round(y / scene.image.height * 1000)]
    arguments = {"action": "left_click", "coordinate": point}
    return gui.answer(tool="computer_use", action=f"Click {element.label}", arguments=arguments)


def _gui(rng: random.Random, level: int) -> Sample:
    scene = windows.draw(rng, level)
    index = rng.randrange(len(scene.elements))
    label = scene.elements[index].label
    instruction = f"Click {label}"
    messages = gui.messages(image=0, tool="computer_use", instruction=instruction)
    return Sample(scene=scene, messages=messages, answer=click(scene, index))


def _sign(rng: random.Random, level: int) -> Sample:
    scene = pages.draw(rng, level)
    messages = chat.messages(prompt="What does it say?", images=[0])
    return Sample(scene=scene, messages=messages, answer=scene.text)


def _look(rng: random.Random, level: int) -> Sample:
    scene, question, answer = windows.question(rng, level)
    return Sample(scene=scene, messages=chat.messages(prompt=question, images=[0]), answer=answer)


TALK = {
    "Hello": "Hello! Show me a small picture and ask what it says.",
    "Hi": "Hello! Show me a small picture and ask what it says.",
    "Who are you?": "I am Sightline's small demo model. I read short printed lines and point at buttons.",
    "What are you?": "I am Sightline's small demo model. I read short printed lines and point at buttons.",
    "What can you do?": "I read short printed lines, click buttons in small windows and answer short questions.",
    "Help": "I read short printed lines, click buttons in small windows and answer short questions.",
    "Thanks": "You are welcome.",
    "Thank you": "You are welcome.",
    "Bye": "Goodbye!",
    "Goodbye": "Goodbye!",
}
"""Small talk without a picture, learnt by heart."""


def _talk(rng: random.Random, level: int) -> Sample:
    question = rng.choice(tuple(TALK))
    asked = rng.choice((question, question.lower(), question.rstrip("?"), question + rng.choice((".", "!", ""))))
    return Sample(scene=None, messages=chat.messages(prompt=asked), answer=TALK[question])


DRAW: dict[Task, Callable[[random.Random, int], Sample]] = {
    "ocr": _ocr,
    "gui": _gui,
    "sign": _sign,
    "look": _look,
    "talk": _talk,
}

LEVELS: dict[Task, int] = {
    "ocr": len(pages.LEVELS),
    "gui": len(windows.LEVELS),
    "sign": len(pages.LEVELS),
    "look": len(windows.LEVELS),
    "talk": 1,
}
"""How many levels each task has."""


def sample(task: Task, level: int, seed: int) -> Sample:
    """The sample of `task` at `level` that `seed` stands for: the same on every machine."""
    return DRAW[task](random.Random(f"{task}/{level}/{seed}"), level)
