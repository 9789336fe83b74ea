"""JPEG (ITU-T T.81): marker segments, then entropy-coded scans."""

from sightline.media.formats.header import Header, damaged, truncated, unpack
from sightline.media.limits import Limits
from sightline.media.refusal import MediaTooLarge, UnsupportedMedia

NAME = "JPEG"
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF0–SOF15 without DHT, JPG, DAC
_READ = frozenset({0xC0, 0xC1, 0xC2})  # baseline, extended, progressive; Huffman coded
_MAX_SEGMENTS = 4096


def read_header(data: bytes, limits: Limits) -> Header:
    """Size, metadata and the number of scans, which is what a progressive JPEG costs to decode."""
    width = height = 0
    metadata = False
    offset = 2
    for _ in range(_MAX_SEGMENTS):
        marker, offset = _marker(data, offset)
        (length,) = unpack(">H", data, offset, NAME)
        if length < 2:
            raise damaged(NAME, "a segment has no length")
        if offset + length > len(data):
            raise truncated(NAME)
        if marker in _FRAMES:
            precision, height, width, components = unpack(">BHHB", data, offset + 2, NAME)
            if marker not in _READ or precision != 8 or components not in (1, 3, 4):
                raise UnsupportedMedia("This JPEG coding is not read: save it as baseline, 8 bit.")
        elif marker == 0xE1:
            metadata = True
        elif marker == 0xDA:
            if not width or not height:
                raise damaged(NAME, "it states no size before its data")
            _check_scans(data, offset, width * height, limits)
            return Header(width=width, height=height, metadata=metadata, lossy=True)
        offset += length
    raise damaged(NAME, f"more than {_MAX_SEGMENTS} segments come before its data")


def _marker(data: bytes, offset: int) -> tuple[int, int]:
    """The marker at `offset`, after any fill bytes, and where its segment starts."""
    first, second = unpack(">BB", data, offset, NAME)
    if first != 0xFF:
        raise damaged(NAME, "a segment does not begin with a marker")
    if second != 0xFF:
        return second, offset + 2
    run = len(data) - offset - len(data[offset:].lstrip(b"\xff"))
    if offset + run >= len(data):
        raise truncated(NAME)
    return data[offset + run], offset + run + 1


def _check_scans(data: bytes, start: int, pixels: int, limits: Limits) -> None:
    # Inside entropy-coded data FF is followed by 00 or a restart marker, so both searches find true markers.
    end = data.find(b"\xff\xd9", start)
    if end < 0:
        raise truncated(NAME)
    scans = 1 + data.count(b"\xff\xda", start, end)
    if scans > limits.max_scans or (scans > 1 and scans * pixels > limits.max_scan_pixels):
        raise MediaTooLarge(f"The JPEG has {scans} scans over {pixels} pixels: save it as baseline.")
