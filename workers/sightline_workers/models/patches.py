"""Pictures as flattened patches, in the order in which Qwen's image processor hands them out.

The order is rows of 2 x 2 blocks, block by block, and four patches within each. The processor also repeats a still
image in time; the repetition is left out here, since the sum of the two frames' weights does the same at half the work.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .config import MERGE, PATCH


def flatten(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(batch, height, width, 3) to (batch, patches, 3 * 16 * 16)."""
    batch, height, width, channels = pixels.shape
    edge = PATCH * MERGE
    blocks = pixels.reshape(batch, height // edge, MERGE, PATCH, width // edge, MERGE, PATCH, channels)
    ordered = blocks.transpose(0, 1, 4, 2, 5, 7, 3, 6)
    return np.ascontiguousarray(ordered).reshape(batch, -1, channels * PATCH * PATCH)


@lru_cache(maxsize=32)
def order(rows: int, columns: int) -> NDArray[np.int64]:
    """The raster index of each patch in Qwen's order, for a grid of `rows` x `columns` patches."""
    grid = np.arange(rows * columns).reshape(rows // MERGE, MERGE, columns // MERGE, MERGE)
    return grid.transpose(0, 2, 1, 3).reshape(-1)
