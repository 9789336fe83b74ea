"""The type of a file by its content. Names and Content-Type headers are never believed."""

from enum import StrEnum

from sightline.media.refusal import UnsupportedMedia


class Format(StrEnum):
    """The formats that are read; the value is the media type."""

    PNG = "image/png"
    JPEG = "image/jpeg"
    WEBP = "image/webp"
    GIF = "image/gif"
    BMP = "image/bmp"
    TIFF = "image/tiff"

    @property
    def extension(self) -> str:
        """The suffix of a stored file, without the dot."""
        return {"image/jpeg": "jpg", "image/tiff": "tif"}.get(self.value, self.value.partition("/")[2])


_FOREIGN = (
    (b"%PDF", "a PDF: send its pages as images"),
    (b"II+\x00", "a BigTIFF"),
    (b"MM\x00+", "a BigTIFF"),
    (b"\x00\x00\x01\x00", "an icon"),
    (b"8BPS", "a Photoshop file"),
    (b"\x1f\x8b", "gzip data"),
    (b"PK\x03\x04", "a zip file"),
)
_READ = "PNG, JPEG, WebP, GIF, BMP and TIFF are read"


def sniff(data: bytes) -> Format:
    """The format of `data`. Raises UnsupportedMedia (415), saying what the file seems to be instead."""
    head = data[:16]
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return Format.PNG
    if head.startswith(b"\xff\xd8\xff"):
        return Format.JPEG
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return Format.WEBP
    if head.startswith((b"GIF87a", b"GIF89a")):
        return Format.GIF
    if head.startswith(b"BM"):
        return Format.BMP
    if head.startswith((b"II*\x00", b"MM\x00*")):
        return Format.TIFF
    raise UnsupportedMedia(f"The file is {_guess(data)}; {_READ}.")


def _guess(data: bytes) -> str:
    for magic, name in _FOREIGN:
        if data.startswith(magic):
            return name
    if data[4:8] == b"ftyp":
        return "an ISO media file, such as HEIC, AVIF or MP4"
    text = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in text:
        return "an SVG: draw it to a PNG first"
    if text.startswith((b"<!doctype html", b"<html")):
        return "an HTML page, perhaps an error page instead of the image"
    if text.startswith((b"<?xml", b"<")):
        return "an XML or HTML document"
    return "not an image"
