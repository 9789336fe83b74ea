"""Do two pictures show the same? Decided on small tiles of their decoded pixels, so that one changed digit counts.

A lossy encoder changes every pixel near an edge, but it keeps the *mean* of a small tile: an error within a tile
cancels out, because low frequencies are quantised finely. A changed digit, a point that is gone or a button that
is pressed moves ink, and with it the mean of some tile. So the mean of each 4 × 4 tile (every 2 pixels one, that no
mark falls between two) may differ by `LUMA_FLOOR + LUMA_SHARE × contrast`, where contrast is the range of brightness
around the tile: noise of encoders grows with it. Colour has half the resolution in most files, so it is compared on
tiles of 8 × 8.

Two things make that sharper. A JPEG says how it was quantised: before it is compared with a finer picture, that one
goes through the same quantisation, after which a true copy is hardly different at all. And a pair with little noise
over all its tiles may not have much in a single one (`NOISE_FLOOR`, `NOISE_SHARE`).

The bounds come from `tests/support/hard_pairs.py`, which draws pairs of pictures; `tests/bench/run.py near` prints how
far from them each sort of pair is. Where a copy and a change cannot be told apart by this, the pictures count as
different: a wrong answer is worse than a second one.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image, JpegImagePlugin

from sightline.media.normalise import to_rgb

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Plane = NDArray[np.int16]
    Levels = NDArray[np.float32]

LUMA_FLOOR, LUMA_SHARE = 2.25, 0.0375
"""Brightness levels (of 255), and share of the contrast around."""
NOISE_FLOOR, NOISE_SHARE = 0.6, 2.0
"""Of that bound, what a pair without noise may use, and what its noise adds: the 99th percentile of its tiles."""
_TEXTURED = 24
"""Brightness levels of contrast from which a tile tells something of the noise."""
CHROMA_FLOOR, CHROMA_SHARE = 4.0, 0.1
LARGEST_SHIFT = 2
"""Pixels that one picture may be moved as a whole against the other, in each direction."""
_AROUND = 8
"""Side in pixels of the blocks in which contrast is measured: a tile's own block and the eight around it."""


@dataclass(frozen=True, kw_only=True)
class Likeness:
    """How far two pictures of one size are from each other."""

    excess: float
    """The greatest difference of a tile, divided by what it may be: above 1 the pictures differ."""
    shift: tuple[int, int] = (0, 0)
    """Pixels right and down that the second was moved to lie on the first."""

    @property
    def alike(self) -> bool:
        return self.excess <= 1.0


DIFFERENT = Likeness(excess=float("inf"))


def compare(first: Image.Image, second: Image.Image) -> Likeness:
    """Compare two decoded pictures, as Pillow opened them; of another size they are different. Loads numpy."""
    if first.size != second.size or min(first.size) < 4 * _AROUND:
        return DIFFERENT
    one, other = (_planes(image) for image in _quantised_alike(first, second))
    found = Likeness(excess=_excess(one, other))
    if found.alike:
        return found
    shift = _shift(one[0], other[0])
    if shift == (0, 0):
        return found
    moved = Likeness(excess=_excess(*_overlap(one, other, shift)), shift=shift)
    return min(found, moved, key=lambda likeness: likeness.excess)


def _quantised_alike(first: Image.Image, second: Image.Image) -> tuple[Image.Image, Image.Image]:
    """The two as RGB; when one is the coarser JPEG, the other one has been through the same quantisation."""
    coarse = max(first, second, key=_coarseness)
    fine = second if coarse is first else first
    if not isinstance(coarse, JpegImagePlugin.JpegImageFile) or _coarseness(coarse) == _coarseness(fine):
        return to_rgb(first)[0], to_rgb(second)[0]
    buffer = io.BytesIO()
    sampling = JpegImagePlugin.get_sampling(coarse)  # -1: one that Pillow does not write
    to_rgb(fine)[0].save(
        buffer, "JPEG", qtables=coarse.quantization, subsampling=sampling if sampling >= 0 else 0
    )
    return Image.open(buffer, formats=["JPEG"]).convert("RGB"), to_rgb(coarse)[0]


def _coarseness(image: Image.Image) -> int:
    """The sum of the steps that brightness was quantised with; 0 for what is no JPEG in colour."""
    if isinstance(image, JpegImagePlugin.JpegImageFile) and image.mode == "RGB":
        return sum(image.quantization.get(0, ()))
    return 0


def _planes(image: Image.Image) -> list[Plane]:
    """Brightness and the two colour differences."""
    import numpy as np  # here: a web process that never compares pictures never needs it

    return [np.asarray(band, dtype=np.int16) for band in image.convert("YCbCr").split()]


def _excess(one: list[Plane], other: list[Plane]) -> float:
    import numpy as np

    luma, contrast = _differences(one[:1], other[:1], half=2, floor=LUMA_FLOOR, share=LUMA_SHARE)
    textured = luma[contrast >= _TEXTURED]
    noise = float(np.quantile(textured, 0.99)) if textured.size else 0.0
    chroma, _ = _differences(one[1:], other[1:], half=4, floor=CHROMA_FLOOR, share=CHROMA_SHARE)
    return max(float(luma.max()) / min(1.0, NOISE_FLOOR + NOISE_SHARE * noise), float(chroma.max()))


def _differences(
    one: list[Plane], other: list[Plane], *, half: int, floor: float, share: float
) -> tuple[Levels, Levels]:
    """|Mean difference| of each tile of 2·half × 2·half over what is allowed there, and the contrast around it."""
    import numpy as np

    contrast = np.max([_contrast(plane) for plane in (*one, *other)], axis=0)
    sums = [np.abs(_tiles(a - b, half)) for a, b in zip(one, other, strict=True)]
    difference = np.max(sums, axis=0).astype(np.float32) / (2 * half) ** 2
    # A tile's place in the grid of contrasts, by its top left pixel.
    rows = np.minimum(np.arange(difference.shape[0]) * half // _AROUND, contrast.shape[0] - 1)
    columns = np.minimum(np.arange(difference.shape[1]) * half // _AROUND, contrast.shape[1] - 1)
    around: Levels = contrast[rows][:, columns]
    return difference / (floor + share * around), around


def _tiles(plane: Plane, half: int) -> NDArray[np.int32]:
    """Sums over tiles of 2·half × 2·half pixels, one every `half` pixels."""
    import numpy as np

    height, width = (side // half * half for side in plane.shape)
    rows = plane[:height].reshape(height // half, half, -1).sum(axis=1, dtype=np.int32)
    cells = rows[:, :width].reshape(rows.shape[0], width // half, half).sum(axis=2, dtype=np.int32)
    found: NDArray[np.int32] = cells[:-1, :-1] + cells[1:, :-1] + cells[:-1, 1:] + cells[1:, 1:]
    return found


def _contrast(plane: Plane) -> Levels:
    """Range of levels in each block and the eight around it."""
    import numpy as np

    height, width = (side // _AROUND * _AROUND for side in plane.shape)
    blocks = plane[:height, :width].reshape(height // _AROUND, _AROUND, width)
    highest, lowest = blocks.max(axis=1), blocks.min(axis=1)
    across = (height // _AROUND, width // _AROUND, _AROUND)
    highest, lowest = highest.reshape(across).max(axis=2), lowest.reshape(across).min(axis=2)
    found: Levels = (_spread(highest, np.maximum) - _spread(lowest, np.minimum)).astype(np.float32)
    return found


def _spread(blocks: Plane, choose: np.ufunc) -> Plane:
    """The greatest or smallest of each block and its neighbours."""
    import numpy as np

    padded = np.pad(blocks, 1, mode="edge")
    rows = choose(choose(padded[:-2], padded[1:-1]), padded[2:])
    found: Plane = choose(choose(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:])
    return found


def _shift(one: Plane, other: Plane) -> tuple[int, int]:
    """How far the second lies right of and below the first, judged by the sums of columns and rows."""
    return _offset(one, other, axis=0), _offset(one, other, axis=1)


def _offset(one: Plane, other: Plane, *, axis: int) -> int:
    import numpy as np

    a, b = (plane.sum(axis=axis, dtype=np.int64) for plane in (one, other))
    reach = LARGEST_SHIFT
    inner = a[reach:-reach]
    costs = {
        offset: np.abs(inner - b[reach + offset : len(b) - reach + offset]).sum()
        for offset in range(-reach, reach + 1)
    }
    return min(costs, key=lambda offset: (costs[offset], abs(offset)))


def _overlap(one: list[Plane], other: list[Plane], shift: tuple[int, int]) -> tuple[list[Plane], list[Plane]]:
    """The parts that both show, when the second is moved back by `shift`."""
    x, y = shift
    height, width = one[0].shape
    ours = slice(max(0, -y), height - max(0, y)), slice(max(0, -x), width - max(0, x))
    theirs = slice(max(0, y), height - max(0, -y)), slice(max(0, x), width - max(0, -x))
    return [plane[ours] for plane in one], [plane[theirs] for plane in other]
