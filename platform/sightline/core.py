"""The platform's own Django app: it carries the system checks and belongs to no domain."""

from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, Warning, register


class CoreConfig(AppConfig):
    name = "sightline"
    label = "sightline"

    def ready(self) -> None:
        register(check_environment)


def check_environment(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Bad values, misspelt variables, and combinations that cannot work."""
    import difflib
    import os

    from django.conf import settings

    from sightline import env

    found: list[CheckMessage] = list(env.problems)
    known = env.known | {"SIGHTLINE_KEY", "SIGHTLINE_URL"}
    for name in sorted(n for n in os.environ if n.startswith("SIGHTLINE_") and n not in known):
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"Did you mean {close[0]}?" if close else "Remove it, or see the README for the names."
        found.append(Warning(f"{name} is no setting of Sightline.", hint=hint, id="sightline.W001"))
    if settings.DEFAULT_MODEL not in settings.MODELS:
        found.append(
            Error(
                f"SIGHTLINE_DEFAULT_MODEL: {settings.DEFAULT_MODEL!r} is not a tag of SIGHTLINE_MODELS.",
                hint="Name one of: " + ", ".join(settings.MODELS),
                id="sightline.E001",
            )
        )
    return found
