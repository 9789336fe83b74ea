"""Where the files lie. Their names are digests and ids; nothing that a user wrote is part of one."""

import os
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage, storages

from sightline.media.sniff import Format


def media_storage() -> Storage:
    """The storage that `SIGHTLINE_MEDIA_STORAGE` names."""
    return storages["media"]


def name_for(*, tenant_id: uuid.UUID, media_id: uuid.UUID, sha256: str, mime: Format) -> str:
    """`<tenant>/ab/<sha256>-<media id>.<ext>`.

    The digest makes the file checkable and spreads the files over 256 folders: each folder that is new costs an upload
    a fsync more, and with a second level nearly every one would be. The id gives each row a file of its own: were
    it shared by all rows that a digest ever had, erasing one could delete what a new upload just relied on.
    """
    return f"{tenant_id.hex}/{sha256[:2]}/{sha256}-{media_id.hex}.{mime.extension}"


def write(name: str, data: bytes) -> None:
    """Keep `data` under `name`. On a disk it is there whole or not at all, and survives a power cut."""
    storage = media_storage()
    if isinstance(storage, FileSystemStorage):
        _write_durably(Path(storage.location), name, data)
    else:  # an object store puts whole objects and acknowledges when they are kept
        storage.save(name, ContentFile(data))


def read(name: str) -> bytes:
    """The bytes of a file. Raises FileNotFoundError."""
    with media_storage().open(name, "rb") as file:
        data: bytes = file.read()
    return data


def delete(name: str) -> None:
    """Remove a file; it may be gone already."""
    media_storage().delete(name)


def exists(name: str) -> bool:
    """Whether the file is there."""
    return media_storage().exists(name)


def names() -> Iterator[str]:
    """Every stored file's name."""
    storage = media_storage()
    folders = [""]
    while folders:
        folder = folders.pop()
        below, files = storage.listdir(folder)
        prefix = f"{folder}/" if folder else ""
        folders += [prefix + name for name in below]
        yield from (prefix + name for name in files)


def _write_durably(root: Path, name: str, data: bytes) -> None:
    """A temporary file, fsync, rename, fsync of the folder (and of folders that are new)."""
    target = root / name
    for folder in _missing(target.parent):
        folder.mkdir(mode=0o700, exist_ok=True)
        _sync_folder(folder.parent)
    descriptor, temporary = tempfile.mkstemp(prefix=".partial-", dir=target.parent)  # 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def _missing(folder: Path) -> list[Path]:
    """The folders on the way to `folder` that do not exist, outermost first."""
    missing: list[Path] = []
    while not folder.exists():
        missing.insert(0, folder)
        folder = folder.parent
    return missing


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
