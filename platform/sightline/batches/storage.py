"""Where clients' files lie, behind Django's storage API; no part of their names was written by a user."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from uuid import UUID

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, Storage, storages

PIECE = 256 * 1024
"""Bytes that are in memory at once while a file comes or goes."""


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A file that is kept."""

    name: str
    """Its name in the storage."""
    bytes: int
    sha256: str
    """Hex digest."""


def files() -> Storage:
    """The storage that `SIGHTLINE_FILE_STORAGE` names."""
    return storages["files"]


def write(*, tenant_id: UUID, file_id: UUID, source: IO[bytes]) -> Stored:
    """Keep what a file at its start holds. On a disk it is there whole or not at all, and survives a power cut."""
    name = f"{tenant_id.hex}/{file_id.hex[-2:]}/{file_id.hex}"
    digest, length = hashlib.sha256(), 0
    for piece in pieces(source):
        digest.update(piece)
        length += len(piece)
    source.seek(0)
    storage = files()
    if isinstance(storage, FileSystemStorage):
        _write_durably(Path(storage.location) / name, source)
    else:  # an object store puts whole objects and acknowledges when they are kept
        storage.save(name, File(source))
    return Stored(name=name, bytes=length, sha256=digest.hexdigest())


def pieces(source: IO[bytes]) -> Iterator[bytes]:
    """What is left of a file, piece by piece."""
    while piece := source.read(PIECE):
        yield piece


def open_file(name: str) -> IO[bytes]:
    """A kept file, to be read and searched. Raises FileNotFoundError."""
    found: IO[bytes] = files().open(name, "rb")
    return found


def delete(name: str) -> None:
    """Remove a file; it may be gone already."""
    files().delete(name)


def _write_durably(target: Path, source: IO[bytes]) -> None:
    """A temporary file, fsync, rename, fsync of the folders."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=".partial-", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for piece in pieces(source):
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    for folder in (target.parent, target.parent.parent, target.parent.parent.parent):
        _sync(folder)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
