"""From the paths on a command line to the jobs to submit."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

IMAGES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"}
)
"""How names of images end. A file that is named itself is sent whatever it is called."""


class Asked(NamedTuple):
    """One job to submit."""

    name: str
    """What people call it, and its result's file: the image's path below what was asked for."""
    images: Sequence[Path]
    input: Mapping[str, Any]


def one_each(paths: Sequence[Path], input: Mapping[str, Any]) -> list[Asked]:
    """A job for each image; of a folder for each image in it and below."""
    found: list[tuple[str, Path]] = []
    for path in paths:
        if path.is_dir():
            inside = list(_images(path))
            if not inside:
                raise click.BadParameter(f"there are no images in {path}.", param_hint="IMAGES")
            found += [(str(image.relative_to(path)), image) for image in inside]
        else:
            found.append((path.name, path))
    return [Asked(name, [image], input) for name, (_, image) in zip(_distinct(found), found, strict=True)]


def files(paths: Sequence[Path]) -> list[Path]:
    """All images, those in folders included."""
    return [image for path in paths for image in (_images(path) if path.is_dir() else (path,))]


def _images(folder: Path) -> Iterator[Path]:
    """Images below a folder, by name; hidden files and folders are left out."""
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and Path(name).suffix.lower() in IMAGES:
                yield Path(parent, name)


def _distinct(found: Iterable[tuple[str, Path]]) -> list[str]:
    """Names, each once: where two are the same, their whole paths."""
    named = list(found)
    counts: dict[str, int] = {}
    for name, _ in named:
        counts[name] = counts.get(name, 0) + 1
    whole = [name if counts[name] == 1 else str(path.absolute()).lstrip("/") for name, path in named]
    if len(set(whole)) < len(whole):
        raise click.BadParameter("the same image is named twice.", param_hint="IMAGES")
    return whole
