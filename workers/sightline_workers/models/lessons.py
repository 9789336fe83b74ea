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
from .drawing import Element, Scene, words

Task = Literal["ocr", "gui", "sign", "look", "talk", "echo"]
"""ocr and gui as the platform asks them; chat about a page, about a window, and without a picture; and repeating
what one is told, which costs next to nothing and teaches gui to copy a label from the instruction."""

TASKS: tuple[Task, ...] = ("ocr", "gui", "sign", "look", "talk", "echo")


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One question with its right answer."""

    scene: Scene | None
    messages: list[dict[str, Any]]
    answer: str
    target: Element | None = None
    """The element that the answer is about."""


def _ocr(rng: random.Random, level: int, shared: random.Random) -> Sample:
    scene = pages.draw(rng, level, shared)
    return Sample(scene=scene, messages=ocr.messages(image=0, mode="text"), answer=scene.text)


def tool_of(scene: Scene) -> gui.Tool:
    """Phones are higher than wide."""
    return "mobile_use" if scene.image.height > scene.image.width else "computer_use"


def click(scene: Scene, element: Element) -> str:
    """The answer that clicks the middle of `element`, in thousandths of the picture and rounded to ten of them.

    Rounding makes every last digit a zero, which is one thing less to learn, and moves a click by 2 px at most.
    """
    tool = tool_of(scene)
    x, y = element.centre
    point = [10 * round(x / scene.image.width * 100), 10 * round(y / scene.image.height * 100)]
    arguments = {"action": "click" if tool == "mobile_use" else "left_click", "coordinate": point}
    return gui.answer(tool=tool, action=f"Click {element.label}", arguments=arguments)


def give_up(scene: Scene, label: str) -> str:
    """The answer that ends the task because nothing on the screen is called `label`."""
    arguments = {"action": "terminate", "status": "failure"}
    return gui.answer(tool=tool_of(scene), action=f"Stop: {label} is not there.", arguments=arguments)


def _gui(rng: random.Random, level: int, shared: random.Random) -> Sample:
    scene = windows.draw(rng, level, shared)
    element = rng.choice(scene.elements)
    label, answer, target = element.label, click(scene, element), element
    if rng.random() < windows.LEVELS[level].missing:
        label, target = windows.absent(rng, scene), None
        answer = give_up(scene, label)
    wording = rng.choice(("Click {}", "Click {}", "Click the {} button", "Press {}", "Tap {}", "Click on {}"))
    messages = gui.messages(image=0, tool=tool_of(scene), instruction=wording.format(label))
    return Sample(scene=scene, messages=messages, answer=answer, target=target)


def _sign(rng: random.Random, level: int, shared: random.Random) -> Sample:
    scene = pages.draw(rng, level, shared)
    messages = chat.messages(prompt="What does it say?", images=[0])
    return Sample(scene=scene, messages=messages, answer=scene.text)


def _look(rng: random.Random, level: int, shared: random.Random) -> Sample:
    scene, question, answer, target = windows.question(rng, level, shared)
    messages = chat.messages(prompt=question, images=[0])
    return Sample(scene=scene, messages=messages, answer=answer, target=target)


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


def _talk(rng: random.Random, level: int, shared: random.Random) -> Sample:
    question = rng.choice(tuple(TALK))
    asked = rng.choice(
        (question, question.lower(), question.rstrip("?"), question + rng.choice((".", "!", "")))
    )
    return Sample(scene=None, messages=chat.messages(prompt=asked), answer=TALK[question])


def _echo(rng: random.Random, level: int, shared: random.Random) -> Sample:
    said = words.label(rng, 8) if rng.random() < 0.5 else words.line(rng, words.PRINTED, 1, 6 + 6 * level)
    wording = rng.choice(("Repeat {}", "Say {}", "Please repeat {}", "Repeat this: {}"))
    return Sample(scene=None, messages=chat.messages(prompt=wording.format(said)), answer=said)


DRAW: dict[Task, Callable[[random.Random, int, random.Random], Sample]] = {
    "ocr": _ocr,
    "gui": _gui,
    "sign": _sign,
    "look": _look,
    "talk": _talk,
    "echo": _echo,
}

LEVELS: dict[Task, int] = {
    "ocr": len(pages.LEVELS),
    "gui": len(windows.LEVELS),
    "sign": len(pages.LEVELS),
    "look": len(windows.LEVELS),
    "talk": 1,
    "echo": 2,
}
"""How many levels each task has."""


GROUP = 1000
"""Seeds with the same quotient by this draw pictures of the same size: a batch."""


def sample(task: Task, level: int, seed: int) -> Sample:
    """The sample of `task` at `level` that `seed` stands for: the same on every machine."""
    shared = random.Random(f"{task}/{level}/batch/{seed // GROUP}")
    return DRAW[task](random.Random(f"{task}/{level}/{seed}"), level, shared)
