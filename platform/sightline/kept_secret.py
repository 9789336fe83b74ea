"""Passwords and keys that are made once and kept in the data folder, readable by its owner alone."""

import os
from collections.abc import Callable
from pathlib import Path

LOCAL_KEY = "api-key"
"""In the data folder: the API key that the commands on this machine use."""


def read(file: Path) -> str | None:
    try:
        return file.read_text().strip() or None
    except FileNotFoundError:
        return None


def write(file: Path, value: str) -> None:
    """Whole or not at all, and never readable by others, not even for a moment."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(value + "\n")
    draft.replace(file)


def keep(file: Path, make: Callable[[], str]) -> str:
    """What the file holds, or what `make` makes, from then on."""
    value = read(file)
    if value is None:
        value = make()
        write(file, value)
    return value
