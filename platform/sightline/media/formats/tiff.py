"""TIFF 6.0, the part that scanners and fax machines write."""

import struct
from dataclasses import dataclass

from sightline.media.formats.header import Header, damaged, truncated, unpack
from sightline.media.limits import Limits
from sightline.media.refusal import MediaTooLarge, UnsupportedMedia

NAME = "TIFF"
_COMPRESSIONS = {1, 2, 3, 4, 5, 7, 8, 32773, 32946}  # none, fax, LZW, JPEG, deflate, PackBits
_PHOTOMETRIC = {0, 1, 2, 3, 5, 6}  # grey, RGB, palette, CMYK, YCbCr
_MAX_ENTRIES = 256
_SIZES = (1, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4)  # bytes by field type, 1–13; 0 is none
_INTEGERS = {1: "B", 3: "H", 4: "I"}


@dataclass(frozen=True, kw_only=True)
class _Directory:
    """One image file directory: where each tag's values lie."""

    entries: dict[int, tuple[int, int, int]]
    """Tag → field type, number of values, offset of the first."""
    next: int
    """Offset of the next directory, 0 after the last."""


def read_header(data: bytes, limits: Limits) -> Header:
    """Size of the first page, and the pages; strips and tiles must lie in the file without overlapping."""
    order = "<" if data.startswith(b"II") else ">"
    (offset,) = unpack(order + "I", data, 4, NAME)
    first = _directory(data, order, offset)
    values = _Values(data=data, order=order, directory=first, limits=limits)
    width, height = values.one(256), values.one(257)
    _check_coding(values)
    _check_pieces(values, width * height)
    pages, seen, following = 1, {offset}, first.next
    while following and pages <= limits.max_frames:
        if following in seen:
            raise damaged(NAME, "its pages form a circle")
        seen.add(following)
        following = _directory(data, order, following).next
        pages += 1
    oriented = 274 in first.entries or 700 in first.entries
    return Header(width=width, height=height, frames=pages, metadata=oriented)


@dataclass(frozen=True, kw_only=True)
class _Values:
    """Reads integer tags of one directory."""

    data: bytes
    order: str
    directory: _Directory
    limits: Limits

    def many(self, tag: int) -> tuple[int, ...]:
        """All values of a tag, empty when it is absent."""
        if tag not in self.directory.entries:
            return ()
        kind, count, offset = self.directory.entries[tag]
        if kind not in _INTEGERS:
            raise damaged(NAME, f"tag {tag} is not a number")
        if count > self.limits.max_parts:
            raise MediaTooLarge(f"The TIFF is cut into more than {self.limits.max_parts} pieces.")
        return unpack(f"{self.order}{count}{_INTEGERS[kind]}", self.data, offset, NAME)

    def one(self, tag: int, default: int | None = None) -> int:
        """The first value of a tag."""
        values = self.many(tag)
        if values:
            return values[0]
        if default is None:
            raise damaged(NAME, f"tag {tag} is missing")
        return default


def _directory(data: bytes, order: str, offset: int) -> _Directory:
    (count,) = unpack(order + "H", data, offset, NAME)
    if count > _MAX_ENTRIES:
        raise MediaTooLarge(f"A page of the TIFF has {count} tags.")
    if offset + 2 + 12 * count + 4 > len(data):
        raise truncated(NAME)
    entries, total = {}, 0
    for start in range(offset + 2, offset + 2 + 12 * count, 12):
        tag, kind, number = struct.unpack_from(order + "HHI", data, start)
        size = (_SIZES[kind] if kind < len(_SIZES) else 1) * number
        total += size
        place = start + 8 if size <= 4 else struct.unpack_from(order + "I", data, start + 8)[0]
        entries[tag] = (kind, number, place)
    # Pillow copies every tag's values: many tags over the same bytes would multiply them.
    if total > len(data):
        raise damaged(NAME, "its tags claim more than the file holds")
    (following,) = struct.unpack_from(order + "I", data, offset + 2 + 12 * count)
    return _Directory(entries=entries, next=following)


def _check_coding(values: _Values) -> None:
    bits = values.many(258) or (1,)
    supported = (
        values.one(259, 1) in _COMPRESSIONS
        and values.one(262) in _PHOTOMETRIC
        and values.one(277, 1) <= 4
        and max(bits) <= 16
        and set(values.many(339)) <= {1}  # unsigned integers
    )
    if not supported:
        raise UnsupportedMedia("This kind of TIFF is not read: save it as PNG.")


def _check_pieces(values: _Values, pixels: int) -> None:
    """Bytes may belong to one strip only: a thousand strips over the same megabytes cost a thousandfold."""
    tiled = 324 in values.directory.entries
    offsets, counts = values.many(324 if tiled else 273), values.many(325 if tiled else 279)
    if not offsets or len(offsets) != len(counts):
        raise damaged(NAME, "its strips are not listed")
    if sum(counts) > len(values.data) or any(
        offset + count > len(values.data) for offset, count in zip(offsets, counts, strict=True)
    ):
        raise truncated(NAME)
    if tiled and values.one(322) * values.one(323) > values.limits.max_tile_pixels:
        raise MediaTooLarge("The TIFF's tiles are too large.")
