"""What unfold asks us: our style sheet, our scripts, our colours."""

from django.http import HttpRequest
from django.templatetags.static import static


def stylesheet(request: HttpRequest) -> str:
    return static("sightline_dashboard/dashboard.css")


def script(request: HttpRequest) -> str:
    """Loaded on every page right after htmx, which it configures before htmx starts."""
    return static("sightline_dashboard/dashboard.js")


def live_script(request: HttpRequest) -> str:
    return static("sightline_dashboard/live.js")


def keyboard_script(request: HttpRequest) -> str:
    return static("sightline_dashboard/keyboard.js")


def charts_script(request: HttpRequest) -> str:
    return static("sightline_dashboard/charts.js")


def favicon(request: HttpRequest) -> str:
    return static("sightline_dashboard/favicon.svg")


def colours(request: HttpRequest) -> dict[str, dict[str, str]]:
    """None here: unfold would write them into an inline <style>. They are variables in our style sheet."""
    return {}
