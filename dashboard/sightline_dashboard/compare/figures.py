"""The answer to "is it the same?" in a handful of numbers."""

from dataclasses import dataclass

from sightline.comparison.actions import ActionDifference
from sightline.comparison.jobs import Comparison, Quantity
from sightline_dashboard.durations import duration


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One number."""

    name: str
    value: str
    note: str = ""
    tone: str = ""
    """good, warn or bad: a class of the style sheet; empty: neither."""


def figures(found: Comparison) -> list[Figure]:
    """The quality first, then what it costs."""
    shown = [*(_action(found.action) if found.action else ())]
    boxes = [page.boxes for page in found.pages if page.boxes]
    if boxes:
        matched = sum(len(page.matches) for page in boxes)
        alone = sum(len(page.only_first) + len(page.only_second) for page in boxes)
        value = "–" if found.mean_iou is None else f"{found.mean_iou:.3f}"
        note = f"{matched} boxes match" + (f", {alone} stand alone" if alone else "")
        tone = "good" if alone == 0 and (found.mean_iou or 0) >= 0.9 else "warn" if matched else "bad"
        shown.append(Figure(name="Mean IoU", value=value, note=note, tone=tone))
    if found.error_rate is not None and not found.action:
        tone = "good" if found.error_rate == 0 else "warn" if found.error_rate < 0.1 else "bad"
        note = "the texts are equal" if found.error_rate == 0 else "of A's characters"
        shown.append(Figure(name="Character errors", value=f"{found.error_rate:.2%}", note=note, tone=tone))
    fields = [entry for page in found.pages for entry in page.fields]
    if fields:
        same = sum(first == second for _, first, second in fields)
        tone = "good" if same == len(fields) else "warn"
        shown.append(Figure(name="Values that agree", value=f"{same} of {len(fields)}", tone=tone))
    shown += [_quantity(row, "Tokens out") for row in found.tokens if row.name == "output_tokens"]
    shown += [_quantity(row, "Time at work") for row in found.phases if row.name == "total"]
    return shown


def _action(found: ActionDifference) -> list[Figure]:
    if found.first != found.second:
        value, note, tone = f"{found.first or 'none'} → {found.second or 'none'}", "", "bad"
    elif found.arguments:
        value, note, tone = found.first or "none", "with other arguments", "warn"
    else:
        value, note, tone = found.first or "none", "the same of both", ""
    shown = [Figure(name="Action", value=value, note=note, tone=tone)]
    if found.distance_px is not None:
        note = "the same place" if found.same_place else "another place"
        shown.append(
            Figure(
                name="Click distance",
                value=f"{found.distance_px:.0f} px",
                note=f"{note}: a target holds {found.within_px:.0f} px",
                tone="good" if found.same_place else "bad",
            )
        )
    return shown


def _quantity(row: Quantity, name: str) -> Figure:
    def text(value: float | None) -> str:
        if value is None:
            return "–"
        return f"{value:,.0f}" if name.startswith("Tokens") else duration(value)

    change = "" if row.change is None else f"{row.change:+.0%}"
    return Figure(name=name, value=f"{text(row.first)} → {text(row.second)}", note=change)
