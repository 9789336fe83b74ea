"""Digests: of bytes, of pixels, and of what a picture looks like."""

import hashlib
from itertools import pairwise

from PIL import Image

_STRIPE_BYTES = 256 * 1024
"""Small enough to be reused by the allocator: 6 MB in one piece cost 5,000 page faults a 1080p picture, 8 CPU-ms."""


def sha256(data: bytes) -> str:
    """Hex SHA-256 of bytes."""
    return hashlib.sha256(data).hexdigest()


def pixel_sha256(rgb: Image.Image) -> str:
    """Hex SHA-256 of `<width>x<height>:` and the RGB bytes by row: one picture in two files has one digest.

    Works in stripes, so that no second copy of the picture is made.
    """
    width, height = rgb.size
    digest = hashlib.sha256(f"{width}x{height}:".encode())
    rows = max(1, _STRIPE_BYTES // (3 * width))
    if rows >= height:
        digest.update(rgb.tobytes())
    else:
        for top in range(0, height, rows):
            digest.update(rgb.crop((0, top, width, min(height, top + rows))).tobytes())
    return digest.hexdigest()


REGIONS = 4
"""Rows and columns of the grid whose parts `regions` hashes."""


def regions(image: Image.Image) -> tuple[int, ...]:
    """Perceptual hashes of the parts of a decoded picture, 64 bits each, by rows of a 4 × 4 grid.

    imagehash's phash: the signs of the low frequencies of the cosine transform of 32 × 32 grey pixels. Copies of a
    picture share most of these numbers whatever encoder they went through, while pages of one form that are filled in
    differently differ in the parts where something is written. A hash of the whole picture would not tell those apart.
    Takes 5 CPU-ms once loaded. Raises ValueError for a picture with a side of fewer than 4 pixels.
    """
    import imagehash  # here: it loads numpy and scipy, which a web process may never need

    if min(image.size) < REGIONS:
        raise ValueError(f"a picture of {image.size[0]}×{image.size[1]} has no {REGIONS}×{REGIONS} parts")
    grey = image.convert("L")
    width, height = grey.size
    edges_x = [width * i // REGIONS for i in range(REGIONS + 1)]
    edges_y = [height * i // REGIONS for i in range(REGIONS + 1)]
    return tuple(
        int(str(imagehash.phash(grey.crop((left, top, right, bottom)))), 16)
        for top, bottom in pairwise(edges_y)
        for left, right in pairwise(edges_x)
    )
