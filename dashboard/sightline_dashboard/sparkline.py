"""Counts over time as a small drawing: a bar a step, scaled to the highest."""

from collections.abc import Sequence

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

_HEIGHT = 24


def sparkline(counts: Sequence[int], *, words: str) -> SafeString:
    """The counts, oldest first. `words` says to a screen reader what the drawing says to the eye."""
    highest = max(counts, default=0) or 1
    bars = (
        (index, _HEIGHT - height, height)
        for index, height in enumerate(
            max(1, round(count / highest * _HEIGHT)) if count else 0 for count in counts
        )
        if height
    )
    return format_html(
        '<svg class="sl-spark" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>',
        len(counts),
        _HEIGHT,
        words,
        format_html_join("", '<rect x="{}" y="{}" width="1" height="{}"/>', bars),
    )
