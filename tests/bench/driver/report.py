"""What a benchmark found: tables for people, figures for programs, plots for the report."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .machine import Machine
from .plots import Figure, draw

Cell = str | int | float


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows under columns; numbers are shown with the digits that carry meaning."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]

    def text(self) -> str:
        """Markdown that is also aligned on a terminal."""
        shown = [list(self.columns), *([_shown(cell) for cell in row] for row in self.rows)]
        widths = [max(len(row[i]) for row in shown) for i in range(len(self.columns))]
        lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
                 for row in shown]  # fmt: skip
        lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
        return f"**{self.title}**\n\n" + "\n".join(lines) + "\n"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One benchmark's outcome."""

    name: str
    title: str
    about: str
    """What was measured and how, in a sentence or two."""
    summary: Sequence[str]
    """The lines that matter: ratios, with the aim beside them."""
    tables: Sequence[Table]
    figures: dict[str, Any]
    plots: Sequence[Figure] = field(default_factory=tuple)
    headline: Table | None = None
    """What the project's README shows of it, before the plots that are `published`."""

    def markdown(self, *, level: int, plots: Sequence[Figure]) -> str:
        """A section of a page that lies beside the plots."""
        parts = [
            f"{'#' * level} {self.title}\n\n{self.about}\n",
            "\n".join(f"- {line}" for line in self.summary) + "\n",
            *(table.text() for table in self.tables),
            *(f"![{plot.title}]({plot.name}.png)\n" for plot in plots),
        ]
        return "\n".join(parts)


class Report:
    """Grows in a folder, so that a run that is stopped half-way leaves what it has."""

    def __init__(self, folder: Path, machine: Machine) -> None:
        self.folder = folder
        self._machine = machine
        self._findings: list[Finding] = []
        folder.mkdir(exist_ok=True)

    def add(self, finding: Finding, *, seconds: float) -> None:
        self._findings.append(finding)
        for plot in finding.plots:
            draw(plot, self.folder / f"{plot.name}.png", dpi=120)
        figures = {f.name: f.figures for f in self._findings}
        (self.folder / "bench.json").write_text(
            json.dumps({"machine": vars(self._machine), **figures}, indent=1)
        )
        (self.folder / "bench.md").write_text(self._markdown())
        print(f"\n## {finding.title} ({seconds:.0f} s)\n{finding.about}\n")
        for table in finding.tables:
            print(table.text())
        print("\n".join(f"- {line}" for line in finding.summary), flush=True)

    def publish(self, folder: Path, readme: Path) -> None:
        """Keep each benchmark of this run under version control: a page with its plots in `folder`, and what the
        project's README shows of it. What other runs published of other benchmarks stays."""
        folder.mkdir(exist_ok=True)
        text = readme.read_text()
        for finding in self._findings:
            plots = [plot for plot in finding.plots if plot.published]
            for plot in plots:
                draw(plot, folder / f"{plot.name}.png", dpi=90)
            page = f"{finding.markdown(level=1, plots=plots)}\n{self._machine.sentence()}\n"
            (folder / f"{finding.name}.md").write_text(page)
            shown = [finding.headline.text()] if finding.headline else []
            place = folder.relative_to(readme.parent)
            shown += [f"![{plot.title}]({place}/{plot.name}.png)\n" for plot in plots]
            text = _put(text, finding.name, "\n".join(shown))
        readme.write_text(text)

    def summary(self) -> str:
        """Every benchmark's lines together."""
        return "\n".join(f"{f.name:10} {line}" for f in self._findings for line in f.summary)

    def _markdown(self) -> str:
        sections = [finding.markdown(level=2, plots=finding.plots) for finding in self._findings]
        return "\n".join(["# Benchmarks\n", f"{self._machine.sentence()}\n", *sections])


def ratio(value: float, base: float) -> str:
    return f"{value / base:.2f}×" if base else "–"


def _put(text: str, name: str, shown: str) -> str:
    """A page with what it shows of a benchmark replaced; it says where by a pair of comments."""
    begins, ends = f"<!-- benchmark {name} -->\n", f"<!-- end of benchmark {name} -->"
    pattern = re.compile(f"{re.escape(begins)}.*?{re.escape(ends)}", re.DOTALL)
    return pattern.sub(lambda _: f"{begins}\n{shown}\n{ends}", text)


def _shown(cell: Cell) -> str:
    if not isinstance(cell, float):
        return str(cell)
    if cell != cell:
        return "–"
    return f"{cell:.0f}" if abs(cell) >= 100 else f"{cell:.1f}" if abs(cell) >= 10 else f"{cell:.2f}"
