"""Figures of the report: lines and bars in panels, each system in the same colour wherever it appears."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, cycle
from pathlib import Path
from typing import Any, Literal

_COLOURS = {
    "synchronous": "#9aa1ab",
    "RQ": "#d98a4e",
    "Sightline": "#2563eb",
    "Sightline, cached": "#0e9f6e",
    "bare clients": "#1f2937",
}
_OTHERS = ("#2563eb", "#0e9f6e", "#d98a4e", "#8b5cf6", "#db2777", "#9aa1ab", "#0891b2")
_SHADES = ("#bfdbfe", "#60a5fa", "#1d4ed8")
_STYLE = {
    "font.size": 10,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#6b7280",
    "axes.labelcolor": "#374151",
    "xtick.color": "#6b7280",
    "ytick.color": "#6b7280",
    "xtick.labelcolor": "#374151",
    "ytick.labelcolor": "#374151",
    "grid.color": "#e5e7eb",
    "legend.frameon": False,
    "figure.facecolor": "white",
}
Axis = Literal["", "x", "y"]
"""The axis that is logarithmic, if any."""
_WIDTH_IN, _HEIGHT_IN = 4.4, 3.2
"""Of a panel."""


@dataclass(frozen=True, kw_only=True)
class Lines:
    """Lines over a common axis."""

    title: str
    x_label: str
    y_label: str
    lines: dict[str, tuple[Sequence[float], Sequence[float]]]
    logarithmic: Axis = ""
    notes: Mapping[str, str] = field(default_factory=dict)
    """What is written at the end of a line, by its name."""


@dataclass(frozen=True, kw_only=True)
class Bars:
    """A bar for each label: of one value, or of parts that add up, or a group of bars."""

    title: str
    y_label: str
    labels: Sequence[str]
    parts: dict[str, Sequence[float]]
    """Values in the order of the labels, by what they are of."""
    stacked: bool = True
    logarithmic: Axis = ""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """Panels beside each other."""

    name: str
    """The file's name without its ending."""
    title: str
    panels: Sequence[Lines | Bars]
    columns: int = 3
    published: bool = False
    """Whether it is kept under version control and shown in the README."""


def distribution(title: str, values: dict[str, Sequence[float]]) -> Lines:
    """How many of some values lie below which: 0 to 100 % upwards, the values on a logarithmic axis."""
    return Lines(
        title=title,
        x_label="",
        y_label="% of jobs below",
        lines={
            name: (sorted(found), [100 * (i + 1) / len(found) for i in range(len(found))])
            for name, found in values.items()
            if found
        },
        logarithmic="x",
    )


def draw(figure: Figure, path: Path, *, dpi: int) -> None:
    """Write a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    columns = min(figure.columns, len(figure.panels))
    rows = -(-len(figure.panels) // columns)
    with pyplot.rc_context(_STYLE):
        canvas, grid = pyplot.subplots(
            rows,
            columns,
            figsize=(max(6.4, _WIDTH_IN * columns), _HEIGHT_IN * rows + 0.5),
            layout="constrained",
            squeeze=False,
        )
        canvas.get_layout_engine().set(w_pad=0.12, h_pad=0.10)
        canvas.suptitle(figure.title, x=0.01, ha="left", fontsize=12.5, fontweight="bold")
        axes = list(chain.from_iterable(grid))
        for axis in axes[len(figure.panels) :]:
            axis.axis("off")
        for axis, panel in zip(axes, figure.panels, strict=False):
            axis.set_title(panel.title)
            if isinstance(panel, Lines):
                _lines(axis, panel)
            else:
                _bars(axis, panel)
        _shared_legend(canvas, axes, figure.panels)
        # Few colours: a palette makes the file a third as large.
        canvas.savefig(path, dpi=dpi, metadata={"Software": None})
        pyplot.close(canvas)
    _palette(path)


def _lines(axis: Any, panel: Lines) -> None:
    others = cycle(_OTHERS)
    for label, (xs, ys) in panel.lines.items():
        colour = _COLOURS.get(label) or next(others)
        dashed = {"linestyle": (0, (4, 2)), "zorder": 1} if label == "bare clients" else {}
        marker = "o" if len(xs) <= 20 else None
        axis.plot(xs, ys, marker=marker, markersize=4, linewidth=1.8, color=colour, label=label, **dashed)
        if note := panel.notes.get(label):
            axis.annotate(
                note, (xs[-1], ys[-1]), (7, 0), textcoords="offset points", va="center", fontsize=8.5, color=colour,
                fontweight="bold", annotation_clip=False,
            )  # fmt: skip
    axis.set(xlabel=panel.x_label, ylabel=panel.y_label)
    _scale(axis, logarithmic=panel.logarithmic)


def _bars(axis: Any, panel: Bars) -> None:
    places = range(len(panel.labels))
    single = len(panel.parts) == 1
    colours = _of_parts(panel.parts)
    width = 0.62 if panel.stacked or single else 0.8 / len(panel.parts)
    floor = [0.0] * len(panel.labels)
    for number, (part, values) in enumerate(panel.parts.items()):
        shift = 0.0 if panel.stacked else (number - (len(panel.parts) - 1) / 2) * width
        drawn = axis.bar(
            [place + shift for place in places],
            values,
            width,
            bottom=floor if panel.stacked else None,
            color=[_COLOURS.get(label, _OTHERS[0]) for label in panel.labels] if single else colours[part],
            label=None if single else part,
        )
        if panel.stacked:
            floor = [
                low + (value if value == value else 0.0) for low, value in zip(floor, values, strict=True)
            ]
        elif number == len(panel.parts) - 1 or len(panel.parts) == 2:
            axis.bar_label(drawn, [_short(value) for value in values], fontsize=8, padding=2, color="#374151")
    if panel.stacked:
        for place, top in zip(places, floor, strict=True):
            axis.annotate(
                _short(top), (place, top), (0, 2), textcoords="offset points", ha="center", fontsize=8.5,
                color="#374151",
            )  # fmt: skip
    axis.set_xticks(list(places), [label.replace(" ", "\n") for label in panel.labels])
    axis.tick_params(axis="x", length=0, labelsize=7.5)
    axis.set_ylabel(panel.y_label)
    axis.use_sticky_edges = False  # the bottom of a part of no height would be one
    axis.margins(y=0.14)
    _scale(axis, logarithmic=panel.logarithmic)
    axis.grid(visible=False, axis="x", which="both")
    if not single:
        axis.legend(
            fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5), handlelength=0.9, handleheight=0.8,
            reverse=panel.stacked,
        )  # fmt: skip


def _of_parts(parts: Iterable[str]) -> dict[str, str]:
    """A part's colour: shades where parts are steps of one thing, as quantiles are."""
    names = list(parts)
    colours = _SHADES if names[0].startswith("p5") else _OTHERS
    return dict(zip(names, cycle(colours), strict=False))


def _scale(axis: Any, *, logarithmic: Axis) -> None:
    axis.grid(visible=True)
    axis.set_axisbelow(True)
    if logarithmic:
        from matplotlib.ticker import FuncFormatter, LogLocator

        getattr(axis, f"set_{logarithmic}scale")("log")
        scaled = getattr(axis, f"{logarithmic}axis")
        scaled.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        # Within a decade or two the decades alone would leave the axis without numbers.
        scaled.set_minor_locator(LogLocator(subs=(2, 5)))
        scaled.set_minor_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.grid(visible=True, which="minor", alpha=0.6)
    if logarithmic != "y":
        axis.set_ylim(bottom=0, top=axis.get_ylim()[1])


def _shared_legend(canvas: Any, axes: Sequence[Any], panels: Sequence[Lines | Bars]) -> None:
    """One legend below for the lines of all panels."""
    handles: dict[str, Any] = {}
    for axis, panel in zip(axes, panels, strict=False):
        if isinstance(panel, Lines):
            found, labels = axis.get_legend_handles_labels()
            handles |= dict(zip(labels, found, strict=True))
    if len(handles) > 1:
        canvas.legend(
            handles.values(), handles.keys(), loc="outside lower center", ncols=min(6, len(handles))
        )


def _short(value: float) -> str:
    if value != value:
        return ""
    return f"{value:.0f}" if value >= 99.5 else f"{value:.1f}" if value >= 10 else f"{value:.2g}"


def _palette(path: Path) -> None:
    from PIL import Image

    with Image.open(path) as image:
        small = image.convert("RGB").quantize(colors=128, dither=Image.Dither.NONE)
    small.save(path, optimize=True)
