"""Which task comes next and how hard it is: a task goes one level up when most of its answers are right."""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass, field

from . import pages, windows
from .lessons import LEVELS, TASKS, Task

THRESHOLD = 0.85
"""A task goes up when this share of whole answers was right in a running average."""

LATER = 0.5
"""The same from level LONG on: at the full learning rate the weights of the moment read half of the pages that their
running average reads."""

LONG = 4

EASIER = 0.35
"""The share of batches from easier levels, so that nothing is forgotten."""

MEMORY = 0.9
"""How much of the running average survives a batch."""

FIRST = 3
"""Level of ocr at which gui and chat begin: they need a tower that can read."""

SHARES: dict[Task, float] = {
    "tower": 0.14,
    "ocr": 0.16,
    "boxes": 0.34,
    "gui": 0.18,
    "sign": 0.06,
    "look": 0.09,
    "talk": 0.01,
    "echo": 0.02,
}
"""How often each task comes once all have begun."""


HOME: dict[Task, int] = {
    "tower": 0,
    "ocr": pages.EASY,
    "boxes": pages.EASY,
    "gui": windows.EVERYTHING,
    "sign": pages.EASY,
    "look": windows.EVERYTHING,
    "talk": 0,
    "echo": 1,
}
"""The level up to which a task has to climb: what is asked most."""

WIDER: dict[Task, float] = {"tower": 0.65, "ocr": 0.45, "boxes": 0.15, "gui": 0.4, "look": 0.4, "sign": 0.15}
"""The share of batches from beyond a task's home once it is there: other faces, sizes, colours and punctuation, and
dark windows, come beside it and wait for no accuracy, since the last points of the easy set take longer than learning
them."""


def _threshold(level: int) -> float:
    return THRESHOLD if level < LONG else LATER


@dataclass
class Progress:
    """How far one task has come."""

    level: int = 0
    accuracy: float = 0.0
    """Running share of whole answers right at this level."""
    batches: int = 0
    """Batches seen at this level."""


@dataclass
class Curriculum:
    """The state of all tasks; it is saved with the weights."""

    tasks: dict[Task, Progress] = field(default_factory=lambda: {task: Progress() for task in TASKS})

    def choose(self, step: int, lane: int = 0) -> tuple[Task, int]:
        """The task and the level of batch number `lane` of `step`."""
        rng = random.Random(f"choice/{step}/{lane}")
        task: Task = rng.choice(("tower", "ocr"))
        if self.tasks["ocr"].level >= FIRST:
            task = rng.choices(TASKS, [SHARES[one] for one in TASKS])[0]
        level = self.tasks[task].level
        if (
            level == HOME[task]
            and self.tasks["ocr"].level == HOME["ocr"]
            and rng.random() < WIDER.get(task, 0)
        ):
            level = rng.randint(level + 1, LEVELS[task] - 1)
        elif level and rng.random() < EASIER:
            # Mostly the level just below, which is the freshest and the nearest to what is wanted.
            level = level - 1 if rng.random() < 0.8 else rng.randrange(level)
        return task, level

    def learn(self, task: Task, level: int, accuracy: float) -> bool:
        """Take note of a batch's share of right answers; say whether the task went a level up."""
        state = self.tasks[task]
        if level != state.level:
            return False
        state.accuracy = MEMORY * state.accuracy + (1 - MEMORY) * accuracy
        state.batches += 1
        if state.accuracy < _threshold(level) or state.level >= HOME[task]:
            return False
        self.tasks[task] = Progress(level=state.level + 1)
        return True

    def __str__(self) -> str:
        """Each task's level and accuracy, for the progress bar."""
        return " ".join(f"{task}:{state.level}/{state.accuracy:.2f}" for task, state in self.tasks.items())

    def dump(self) -> dict[str, dict[str, float]]:
        """The state as plain numbers."""
        return {task: asdict(state) for task, state in self.tasks.items()}

    @classmethod
    def load(cls, state: dict[str, dict[str, float]]) -> Curriculum:
        """The curriculum that `dump` gave."""
        fresh = cls()
        for task in TASKS:
            if task in state:
                saved = state[task]
                fresh.tasks[task] = Progress(
                    level=min(int(saved["level"]), HOME[task]),
                    accuracy=float(saved["accuracy"]),
                    batches=int(saved["batches"]),
                )
        return fresh
