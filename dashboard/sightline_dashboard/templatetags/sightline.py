"""What our templates need beyond Django's."""

import json
from typing import Any

from django import template
from django.core.exceptions import NON_FIELD_ERRORS

from sightline.jobs.models import Job
from sightline_dashboard import badges, durations, navigation
from sightline_dashboard.jobpage import phases
from sightline_dashboard.playground import run as runs

register = template.Library()
register.simple_tag(badges.badge, name="badge")
register.simple_tag(badges.cause_badge, name="cause_badge")
register.filter("duration", durations.duration)


@register.filter
def seconds(value: float | None) -> str:
    """Seconds as people read them."""
    return durations.duration(None if value is None else value * 1000)


@register.filter
def percent(value: float | str | None) -> str:
    """A share of 1 as a percentage; a dash for None and for what a template does not find."""
    if value is None or isinstance(value, str):
        return "–"
    return f"{value * 100:.0f} %" if value == 0 or value >= 0.1 else f"{value * 100:.1f} %"


@register.filter
def pretty(value: Any) -> str:
    """JSON to read. The template escapes it."""
    return json.dumps(value, indent=2, ensure_ascii=False)


@register.filter
def share_of(value: float, whole: float) -> float:
    """A value as a share of a whole, 0 to 1; 0 of nothing."""
    return value / whole if whole else 0.0


@register.filter
def compact(value: Any) -> str:
    """A value on one line: text as it is, a dash for None, everything else as JSON."""
    if value is None:
        return "–"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@register.filter
def change(value: float | None) -> str:
    """A relative change: `+18 %`; a dash for None."""
    if value is None:
        return "–"
    percents = round(value * 100)
    return f"{percents:+d} %" if percents else "0 %"


@register.filter
def trail(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The theme's way to a page, by the names of the side bar and without the app, which is no page of ours."""
    names = navigation.names()
    shown = parts[1:] if len(parts) > 1 else parts
    return [{**part, "title": names.get(str(part.get("link", "")), part["title"])} for part in shown]


@register.filter
def beside_a_field(errors: Any) -> bool:
    """Does any error of a form stand beside a field? Those that do not are told in full where this is asked."""
    return not isinstance(errors, dict) or any(name != NON_FIELD_ERRORS for name in errors)


_TOKENS = {"input_tokens": "Tokens in", "image_tokens": "Tokens of images", "output_tokens": "Tokens out"}


@register.filter
def phase(name: str) -> str:
    """A key of a job's timings, or of what two are compared by, in words."""
    return {**phases.NAMES, "generate": "Prefill and decode", "total": "From claim to end"}.get(name, name)


@register.filter
def tokens(name: str) -> str:
    """A key of a job's usage in words."""
    return _TOKENS.get(name, name)


@register.filter
def item(values: dict[str, Any], name: str) -> Any:
    """A value by a name that is a variable; empty for none."""
    return values.get(name, "")


@register.filter
def asked(job: Job) -> str:
    """What a job was asked, in a few words."""
    said = runs.filled(job)
    words = str(said.get("instruction") or said.get("prompt") or said.get("mode") or job.kind).strip()
    return words if len(words) <= 60 else f"{words[:59]}…"
