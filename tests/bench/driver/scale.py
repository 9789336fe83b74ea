"""How long the windows are: a whole run, or a quick look while developing."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Handed to every benchmark."""

    folder: Path
    """A throw-away folder of the benchmark's own."""
    quick: bool = False

    def seconds(self, whole: float) -> float:
        """Length of a window: `whole`, or a fifth of it for a quick look."""
        return max(1.0, whole / 5) if self.quick else whole

    def count(self, whole: int) -> int:
        """A number of samples: `whole`, or a tenth of it."""
        return max(3, whole // 10) if self.quick else whole
