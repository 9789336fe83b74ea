"""What a benchmark found: tables for people, figures for programs, plots for the report."""

import json
import os
import platform
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Cell = str | int | float

PUBLISHED = ("vllm", "baselines", "cache")
"""Benchmarks whose tables are kept under version control."""
PUBLISHED_PLOTS = ("baselines-batching-throughput", "baselines-batching-p99", "cache-batching")


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
class Plot:
    """Lines over a common axis."""

    name: str
    """The file's name without its ending."""
    title: str
    x_label: str
    y_label: str
    lines: dict[str, tuple[Sequence[float], Sequence[float]]]
    logarithmic: bool = False


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
    plots: Sequence[Plot] = field(default_factory=tuple)


class Report:
    """Grows in a folder, so that a run that is stopped half-way leaves what it has."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._findings: list[Finding] = []
        folder.mkdir(exist_ok=True)

    def add(self, finding: Finding, *, seconds: float) -> None:
        self._findings.append(finding)
        for plot in finding.plots:
            _draw(plot, self.folder / f"{plot.name}.png")
        figures = {f.name: f.figures for f in self._findings}
        (self.folder / "bench.json").write_text(json.dumps({"machine": machine(), **figures}, indent=1))
        (self.folder / "bench.md").write_text(self._markdown())
        print(f"\n## {finding.title} ({seconds:.0f} s)\n{finding.about}\n")
        for table in finding.tables:
            print(table.text())
        print("\n".join(f"- {line}" for line in finding.summary), flush=True)

    def publish(self, folder: Path) -> None:
        """Keep the lines that matter, the tables that the README shows and their plots, small, in a folder that is
        under version control. What another run left there of benchmarks that this one did not run goes."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        facts = machine()
        parts = [
            "# Benchmarks in short\n",
            f"By `make bench` on {facts['cores']} cores and {facts['memory_gib']} GiB; the load generator shares them."
            " Read the ratios, not the seconds.\n",
        ]
        for finding in self._findings:
            parts.append(
                f"## {finding.title}\n\n" + "\n".join(f"- {line}" for line in finding.summary) + "\n"
            )
            if finding.name in PUBLISHED:
                parts += [table.text() for table in finding.tables]
            for plot in finding.plots:
                if plot.name in PUBLISHED_PLOTS:
                    _draw(plot, folder / f"{plot.name}.png", dpi=72)
                    parts.append(f"![{plot.title}]({plot.name}.png)\n")
        (folder / "README.md").write_text("\n".join(parts))

    def summary(self) -> str:
        """Every benchmark's lines together."""
        return "\n".join(f"{f.name:10} {line}" for f in self._findings for line in f.summary)

    def _markdown(self) -> str:
        facts = machine()
        parts = [
            "# Benchmarks\n",
            f"{facts['cores']} cores, {facts['memory_gib']} GiB, Python {facts['python']};"
            f" load average {facts['load']} at the time of writing. Everything within a section was measured"
            " in one run on one machine, the load generator included: read the ratios, not the seconds.\n",
        ]
        for finding in self._findings:
            parts.append(f"## {finding.title}\n\n{finding.about}\n")
            parts.append("\n".join(f"- {line}" for line in finding.summary) + "\n")
            parts += [table.text() for table in finding.tables]
            parts += [f"![{plot.title}]({plot.name}.png)\n" for plot in finding.plots]
        return "\n".join(parts)


def machine() -> dict[str, Any]:
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(pages / 2**30),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),
    }


def ratio(value: float, base: float) -> str:
    return f"{value / base:.2f}×" if base else "–"


def _shown(cell: Cell) -> str:
    if not isinstance(cell, float):
        return str(cell)
    if cell != cell:
        return "–"
    return f"{cell:.0f}" if abs(cell) >= 100 else f"{cell:.1f}" if abs(cell) >= 10 else f"{cell:.2f}"


def _draw(plot: Plot, path: Path, *, dpi: int = 120) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.2), layout="constrained")
    for label, (xs, ys) in plot.lines.items():
        axes.plot(xs, ys, marker="o", markersize=4, label=label)
    axes.set(title=plot.title, xlabel=plot.x_label, ylabel=plot.y_label)
    if plot.logarithmic:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=dpi)
    pyplot.close(figure)
