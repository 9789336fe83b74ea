"""What the model is taught: a task's levels from easy to hard, and the samples of each level.

Prompts and answers are those of `sightline.kinds`, so that the platform asks what was trained.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from sightline.kinds.chat import prompt as chat
from sightline.kinds.gui import prompt as gui
from sightline.kinds.ocr import prompt as ocr

from . import pages, windows
from .drawing import Element, Scene, words
from .looks import Look, glancing, pointing, reading, spotted
from .tokenizer import STEP
from .truth import click_patch, place_of

Task = Literal["tower", "ocr", "boxes", "gui", "sign", "look", "talk", "echo"]
"""What is learnt. tower: what each patch of a picture shows, without any text; ocr `text`, ocr `boxes` and gui as the
platform asks them; chat about a page, about a window, and without a picture; and repeating what one is told, which
costs next to nothing and teaches gui to copy a label from the instruction."""

TASKS: tuple[Task, ...] = ("tower", "ocr", "boxes", "gui", "sign", "look", "talk", "echo")

ANSWERED: tuple[Task, ...] = TASKS[1:]
"""Those with a question and an answer."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One question with its right answer."""

    scene: Scene | None
    answer: str
    kind: Literal["ocr", "gui", "chat"] | None = None
    """The kind of job that asks the question; None: there is no question, only a picture."""
    input: dict[str, Any] = field(default_factory=dict)
    """The job's input, without its image."""
    target: Element | None = None
    """The element that the answer is about."""
    looks: tuple[Look, ...] = ()
    """Where reading eyes would look while they answer."""

    @property
    def messages(self) -> list[dict[str, Any]]:
        """What the platform makes of the job: the prompt's messages, none without a question."""
        if self.kind == "ocr":
            return ocr.messages(image=0, **self.input)
        if self.kind == "gui":
            return gui.messages(image=0, **self.input)
        if self.kind == "chat":
            return chat.messages(images=[0] if self.scene else [], **self.input)
        return []


TOWER_WINDOWS = (6, windows.DARK, 7, windows.DARK)
"""The windows' level at each level of the tower."""


def _tower(rng: random.Random, level: int, shared: random.Random) -> Sample:
    """A page with as many characters as fit, or a window."""
    if shared.random() < 0.25:
        scene = windows.draw(rng, TOWER_WINDOWS[level], shared)
    else:
        scene = pages.dense(rng, level, shared)
    return Sample(scene=scene, answer="")


def _ocr(rng: random.Random, level: int, shared: random.Random) -> Sample:
    scene = pages.draw(rng, level, shared)
    return Sample(scene=scene, kind="ocr", input={"mode": "text"}, answer=scene.text, looks=reading(scene))


def _boxes(rng: random.Random, level: int, shared: random.Random) -> Sample:
    scene = pages.draw(rng, level, shared)
    answer, looks = spotted(scene)
    return Sample(scene=scene, kind="ocr", input={"mode": "boxes"}, answer=answer, looks=looks)


def tool_of(scene: Scene) -> gui.Tool:
    """Phones are higher than wide."""
    return "mobile_use" if scene.image.height > scene.image.width else "computer_use"


AIM = 3
"""How many steps right of a label's first character a click goes: from there a mistake by one image token to either
side still hits most elements."""


def click(scene: Scene, element: Element) -> str:
    """The answer that clicks the beginning of the label of `element`, in thousandths of the picture."""
    tool = tool_of(scene)
    x, y = place_of(scene, element)
    point = [STEP * min(1000 // STEP - 1, x + AIM), STEP * y]
    arguments = {"action": "click" if tool == "mobile_use" else "left_click", "coordinate": point}
    return gui.answer(tool=tool, action=f"Click {element.label}", arguments=arguments)


def give_up(scene: Scene, label: str) -> str:
    """The answer that ends the task because nothing on the screen is called `label`."""
    arguments = {"action": "terminate", "status": "failure"}
    return gui.answer(tool=tool_of(scene), action=f"Stop: {label} is not there.", arguments=arguments)


def finish(scene: Scene) -> str:
    """The answer that ends the task because it is done."""
    arguments = {"action": "terminate", "status": "success"}
    return gui.answer(tool=tool_of(scene), action="Stop: Done.", arguments=arguments)


def enter(scene: Scene, text: str) -> str:
    """The answer that types `text` into the field that has the focus."""
    arguments = {"action": "type", "text": text}
    return gui.answer(tool=tool_of(scene), action=f"Type {text}", arguments=arguments)


WORDINGS: dict[str, tuple[str, ...]] = {
    "button": (
        "Click {}",
        "Click {}",
        "Click the button {}",
        "Click the {} button",
        "Press {}",
        "Click on {}",
    ),
    "checkbox": ("Click {}", "Tick {}", "Click the checkbox {}"),
    "menu": ("Click {}", "Open {}", "Open the menu {}"),
    "field": ("Click {}", "Click the field {}", "Click into the field {}"),
}
"""How a click on each kind is asked for; on phones "Tap" as often as "Click"."""

TYPING = 0.5
"""How often a field is to be typed into, where tasks have steps; otherwise it is clicked."""


def _instruction(rng: random.Random, scene: Scene, kind: str, label: str) -> str:
    text = rng.choice(WORDINGS[kind]).format(label)
    if tool_of(scene) == "mobile_use" and rng.random() < 0.5:
        text = text.replace("Click ", "Tap ")
    return text


def _gui(rng: random.Random, number: int, scene: Scene) -> Sample:
    level = windows.LEVELS[number]
    element: Element | None = rng.choice(scene.elements)
    kind, label = element.kind, element.label
    if rng.random() < level.missing:
        element, label = None, windows.absent(rng, scene)
    history: list[str] = []
    instruction = _instruction(rng, scene, kind, label)
    answer = click(scene, element) if element else give_up(scene, label)
    done = rng.random() if level.steps else 1.0
    typing = kind == "field" and level.steps and rng.random() < TYPING
    if typing:
        text = words.label(rng, 7) if rng.random() < 0.7 else words.code(rng, words.DIGITS, rng.randint(1, 5))
        instruction = f"Type {text} into the field {label}"
    if element and typing and done < 0.6:
        history, answer = [f"Click {label}"], enter(scene, text)
        if done < 0.15:
            history, answer = [f"Click {label}", f"Type {text}"], finish(scene)
    elif element and not typing and done < 0.1:
        history, answer = [f"Click {label}"], finish(scene)
    elif done < 0.2:
        history = [f"Click {windows.absent(rng, scene)}"]
    asked = {"tool": tool_of(scene), "instruction": instruction, "history": history}
    looks = pointing(answer, element)
    return Sample(scene=scene, kind="gui", input=asked, answer=answer, target=element, looks=looks)


PAGE_QUESTIONS = 0.6
"""How often a chat about a page asks for something else than the text."""


def _sign(rng: random.Random, level: int, shared: random.Random) -> Sample:
    scene = pages.draw(rng, level, shared)
    question, answer, looks = "What does it say?", scene.text, reading(scene)
    if rng.random() < PAGE_QUESTIONS:
        about = [
            ("What colour is the text?", scene.ink),
            ("How many lines are there?", str(len(scene.lines))),
        ]
        if pages.LEVELS[level].mixed:
            about.append(("What colour is the background?", scene.paper))
        question, answer = rng.choice(about)
        looks = glancing(answer, scene.glyphs[0].box)
    return Sample(scene=scene, kind="chat", input={"prompt": question}, answer=answer, looks=looks)


def _look(rng: random.Random, level: int, scene: Scene) -> Sample:
    question, answer, target = windows.question(rng, scene)
    looks = glancing(answer, click_patch(target) if target else None)
    asked = {"prompt": question}
    return Sample(scene=scene, kind="chat", input=asked, answer=answer, target=target, looks=looks)


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
    return Sample(scene=None, kind="chat", input={"prompt": asked}, answer=TALK[question])


def _echo(rng: random.Random, level: int, shared: random.Random) -> Sample:
    said = words.label(rng, 8) if rng.random() < 0.5 else words.line(rng, words.PRINTED, 1, 6 + 6 * level)
    wording = rng.choice(("Repeat {}", "Say {}", "Please repeat {}", "Repeat this: {}"))
    return Sample(scene=None, kind="chat", input={"prompt": wording.format(said)}, answer=said)


DRAW: dict[Task, Callable[[random.Random, int, random.Random], Sample]] = {
    "tower": _tower,
    "ocr": _ocr,
    "boxes": _boxes,
    "sign": _sign,
    "talk": _talk,
    "echo": _echo,
}

ASK: dict[Task, Callable[[random.Random, int, Scene], Sample]] = {"gui": _gui, "look": _look}
"""Tasks whose pictures are windows, about each of which many questions can be asked."""

LEVELS: dict[Task, int] = {
    "tower": len(pages.DENSE_FONTS),
    "ocr": len(pages.LEVELS),
    "boxes": len(pages.LEVELS),
    "gui": len(windows.LEVELS),
    "sign": len(pages.LEVELS),
    "look": len(windows.LEVELS),
    "talk": 1,
    "echo": 2,
}
"""How many levels each task has."""


GROUP = 1000
"""Seeds with the same quotient by this draw pictures of the same size: a batch."""


@lru_cache(maxsize=16)
def _window(task: Task, level: int, seed: int) -> Scene:
    shared = random.Random(f"{task}/{level}/batch/{seed // GROUP}")
    return windows.draw(random.Random(f"{task}/{level}/{seed}"), level, shared)


def sample(task: Task, level: int, seed: int, question: int = 0) -> Sample:
    """The sample of `task` at `level` that `seed` stands for: the same on every machine.

    Of gui and look, `question` is the number of the question about the window of `seed`.
    """
    if task in ASK:
        scene = _window(task, level, seed)
        return ASK[task](random.Random(f"{task}/{level}/{seed}/{question}"), level, scene)
    shared = random.Random(f"{task}/{level}/batch/{seed // GROUP}")
    return DRAW[task](random.Random(f"{task}/{level}/{seed}"), level, shared)
