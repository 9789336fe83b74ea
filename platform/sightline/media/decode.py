"""The one decode. Pillow reads untrusted bytes here and nowhere else, a bounded number at a time."""

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, ImageFile, TiffImagePlugin, WebPImagePlugin

from sightline.media.refusal import MediaRefused
from sightline.media.sniff import Format

# Named so that Pillow registers the two here: otherwise its first WebP or TIFF imports all of its plug-ins.
_PLUGINS = {Format.WEBP: WebPImagePlugin, Format.TIFF: TiffImagePlugin}


class PixelGate:
    """Admits decodes while the pixels in flight stay within a bound: threads don't multiply the memory."""

    def __init__(self, max_pixels: int) -> None:
        self._max = max_pixels
        self._used = 0
        self._changed = threading.Condition()

    @contextmanager
    def admit(self, pixels: int) -> Iterator[None]:
        """Wait for room for `pixels`. One picture alone always passes, however large."""
        with self._changed:
            self._changed.wait_for(lambda: self._used == 0 or self._used + pixels <= self._max)
            self._used += pixels
        try:
            yield
        finally:
            with self._changed:
                self._used -= pixels
                self._changed.notify_all()


GATE = PixelGate(max_pixels=67_108_864)
"""Two pictures of the largest size: about 0.5 GB, at 4 bytes a pixel before and after conversion."""


def orientation(data: bytes, kind: Format) -> int:
    """EXIF (or XMP) orientation, 1–8, as Pillow and so vLLM would apply it; 1 when absent or nonsense."""
    with _refusing(), _open(data, kind) as image:
        value = image.getexif().get(0x0112, 1)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def decode(data: bytes, kind: Format, size: tuple[int, int]) -> Image.Image:
    """The first frame, fully decoded, in the mode it is stored in; a TIFF comes upright.

    `size` is what the guard read. A picture that turns out otherwise is refused: two readers that disagree
    about a file are how limits are got round. Raises MediaRefused (422) for pixels cut off or damaged.
    """
    with _refusing():
        image = _open(data, kind)
        image.load()
    if image.size != size:
        raise MediaRefused(f"The image is damaged: its header says {size[0]}×{size[1]}, its data otherwise.")
    return image


def _open(data: bytes, kind: Format) -> ImageFile.ImageFile:
    return Image.open(io.BytesIO(data), formats=[kind.name])


@contextmanager
def _refusing() -> Iterator[None]:
    """Whatever a decoder raises over a stranger's bytes means that they are broken; it has no common class.

    Seen in Pillow: OSError, SyntaxError, ValueError, IndexError, KeyError, TypeError, EOFError, struct.error,
    zlib.error, OverflowError, DecompressionBombError. MemoryError is ours and passes.
    """
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        raise MediaRefused(f"The image cannot be decoded: {type(error).__name__}.") from error
