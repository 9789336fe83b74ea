"""What was measured about a checkpoint: figures.json in its folder, and the model card written from it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from .card import History, card
from .scoring import Score
from .sets import SETS


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The figures of one set."""

    set: str
    """Its name."""
    through: str
    """How the answers came about: "platform" (REST, vLLM) or "transformers"."""
    score: Score


def update(folder: Path, measured: Sequence[Measured]) -> None:
    """Put `measured` into figures.json in place of older figures of the same sets, and write the card anew."""
    path = folder / "figures.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    known |= {one.set: {"through": one.through} | asdict(one.score) for one in measured}
    path.write_text(json.dumps(known, indent=2) + "\n")
    write_card(folder)


def write_card(folder: Path) -> None:
    """README.md of the checkpoint in `folder`, from its training.json and figures.json."""
    told = json.loads((folder / "training.json").read_text())
    history = History(
        steps=told["steps"],
        hours=told["seconds"] / 3600,
        parameters=told["parameters"],
        hardware=told["hardware"],
    )
    path = folder / "figures.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    rows = []
    for one in SETS:
        if one.name in known:
            values = dict(known[one.name])
            rows.append((one, values.pop("through"), Score(**values)))
    (folder / "README.md").write_text(card(history, rows))
