"""`sightline flower`: Celery's monitor, with the dashboard's settings."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

import click


def argv(*, address: str, port: int) -> list[str]:
    """What starts Flower. Its password comes by the environment: others on the machine see command lines."""
    dashboard = find_spec("sightline_dashboard")
    config = Path(dashboard.origin).with_name("flowerconfig.py") if dashboard and dashboard.origin else None
    return [
        *(sys.executable, "-m", "celery", "-A", "sightline.celery", "flower"),
        *([f"--conf={config}"] if config and config.exists() else []),
        *(f"--address={address}", f"--port={port}", "--loglevel=ERROR", "--logging=error"),
    ]


@click.command()
def flower() -> None:
    """Show the workers and their tasks, behind SIGHTLINE_FLOWER_USER and SIGHTLINE_FLOWER_PASSWORD[_FILE]."""
    from django.conf import settings

    command = argv(address=settings.HOST, port=settings.FLOWER_PORT)
    os.execv(command[0], command)  # noqa: S606
