"""Digests: of bytes, of pixels, and of what a picture looks like."""

import hashlib
from dataclasses import dataclass

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


@dataclass(frozen=True, kw_only=True)
class PerceptualHash:
    """How a picture looks, 64 bits each; close pictures differ in few bits."""

    phash: int
    """Signs of the low frequencies of the cosine transform of 32 × 32 grey pixels."""
    dhash: int
    """Signs of the horizontal gradients of 9 × 8 grey pixels."""

    def distance(self, other: "PerceptualHash") -> tuple[int, int]:
        """Differing bits of phash and of dhash."""
        return (self.phash ^ other.phash).bit_count(), (self.dhash ^ other.dhash).bit_count()


def perceptual(image: Image.Image) -> PerceptualHash:
    """The perceptual hashes of a decoded picture (imagehash's, 8 × 8)."""
    import imagehash  # here: it loads numpy and scipy, which a web process may never need

    grey = image.convert("L")
    phash, dhash = (int(str(function(grey)), 16) for function in (imagehash.phash, imagehash.dhash))
    return PerceptualHash(phash=phash, dhash=dhash)
