"""What an image may cost before and while it is decoded."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds on one image. The defaults fit Qwen3-VL on vLLM; `from_settings` fills in the operator's."""

    max_bytes: int = 20 * 1024 * 1024
    """Bytes of the file as it was sent."""
    max_pixels: int = 33_554_432
    """Width × height as the header states them; vLLM is started with the same VLLM_MAX_IMAGE_PIXELS."""
    max_aspect: float = 200.0
    """Longer side ÷ shorter side. Qwen's `smart_resize` raises above 200."""
    min_side: int = 4
    """Pixels. Hugging Face's image processors take an array of 1 or 3 rows for one with channels first."""
    max_frames: int = 200
    """Frames of an animation or pages of a TIFF. Only the first is used."""
    max_scans: int = 64
    """Scans of a progressive JPEG. Each passes over the whole picture; encoders write about 10."""
    max_scan_pixels: int = 500_000_000
    """Scans × pixels of a progressive JPEG: the work of decoding it, whatever its size in bytes."""
    max_parts: int = 65_536
    """PNG or WebP chunks, TIFF strips or tiles, GIF sub-blocks ÷ 4: bounds the loops over them."""
    max_metadata_bytes: int = 1024 * 1024
    """Bytes that one compressed text or colour profile of a PNG may expand to. Pillow stops at the same."""
    max_tile_pixels: int = 4_194_304
    """Width × height of one TIFF tile, which is decoded as a whole however small the picture is."""
    model_max_pixels: int = 16_777_216
    """A larger picture is reduced to this: Qwen3-VL's `size.longest_edge`, 16,384 image tokens."""

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be positive")


def from_settings() -> Limits:
    """The running platform's limits: `SIGHTLINE_MAX_IMAGE_BYTES`, `…_MAX_IMAGE_PIXELS`, `…_PIXEL_BUDGET`."""
    from django.conf import settings  # here: the guard works without Django

    return Limits(
        max_bytes=settings.MAX_IMAGE_BYTES,
        max_pixels=settings.MAX_IMAGE_PIXELS,
        model_max_pixels=settings.PIXEL_BUDGET,
    )
