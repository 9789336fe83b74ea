"""The loss plot of a training: each task's loss and share of right answers over the steps."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

WINDOW = 40
"""Batches of a task that one point of the plot averages."""


def plot(log: Path, target: Path) -> None:
    """Draw the log.jsonl at `log` as a PNG at `target`."""
    entries = defaultdict(list)
    for line in log.read_text().splitlines():
        entry = json.loads(line)
        entries[entry["task"]].append(entry)
    figure = Figure(figsize=(9, 6), layout="constrained")
    FigureCanvasAgg(figure)
    top, bottom = figure.subplots(2, 1, sharex=True)
    for task, rows in sorted(entries.items()):
        groups = [rows[index : index + WINDOW] for index in range(0, len(rows), WINDOW)]
        steps = [group[-1]["step"] for group in groups]
        # The tower answers nothing: its loss is the one on what the patches show.
        losses = [[row.get("loss", row.get("lesson")) for row in group] for group in groups]
        top.plot(steps, [sum(group) / len(group) for group in losses], label=task)
        bottom.plot(steps, [sum(row["right"] for row in group) / len(group) for group in groups], label=task)
        for row in rows:
            if row["up"]:
                bottom.axvline(row["step"], color="0.9", linewidth=0.5, zorder=0)
    top.set(yscale="log", ylabel="loss of the answers (tower: of the patches)")
    bottom.set(
        xlabel="steps (grey: a level up)", ylabel="whole answers right (tower: characters)", ylim=(0, 1)
    )
    top.legend()
    figure.savefig(target, dpi=90)
