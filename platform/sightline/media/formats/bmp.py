"""BMP (Windows 3 and later, OS/2): uncompressed only."""

from sightline.media.formats.header import Header, truncated, unpack
from sightline.media.limits import Limits
from sightline.media.refusal import UnsupportedMedia

NAME = "BMP"
_UNCOMPRESSED = {0, 3, 6}  # BI_RGB, BI_BITFIELDS, BI_ALPHABITFIELDS


def read_header(data: bytes, limits: Limits) -> Header:
    """Size, and whether all rows are there. Run-length coding is refused: Pillow decodes it in Python."""
    start, size = unpack("<II", data, 10, NAME)
    if size == 12:
        width, height, _, bits = unpack("<HHHH", data, 18, NAME)
        compression = 0
    elif size in (40, 52, 56, 64, 108, 124):
        width, height, _, bits, compression = unpack("<iiHHI", data, 18, NAME)
    else:
        raise UnsupportedMedia("This kind of BMP is not read: save it as PNG.")
    height = abs(height)  # negative: rows from top to bottom
    if compression not in _UNCOMPRESSED or bits not in (1, 4, 8, 16, 24, 32):
        raise UnsupportedMedia("Compressed BMP is not read: save it as PNG.")
    if width > 0 and start + (width * bits + 31) // 32 * 4 * height > len(data):
        raise truncated(NAME)
    return Header(width=max(0, width), height=height)
