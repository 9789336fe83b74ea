"""Row 12 of the fault matrix: images that are none, that lie about their size, or that are too many."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from support.bodies import data_uri, picture
from support.platform import Platform

MOST_GROWTH = 200 * 2**20
"""Bytes that the web process may have used more at its peak than before, for all of these together."""


def _png(width: int, height: int) -> bytes:
    """A PNG of a few kilobytes that says it is so large, black and complete enough to begin with."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(2**20), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def _saved(image: Image.Image, form: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def _gif_frames() -> bytes:
    frames = [Image.new("L", (64, 64), number % 255) for number in range(600)]
    return _saved(frames[0], "GIF", save_all=True, append_images=frames[1:])


def _tiff_bomb() -> bytes:
    data = bytearray(_saved(Image.new("1", (64, 64)), "TIFF", compression="group4"))
    (first,) = struct.unpack_from("<I", data, 4)
    for number in range(struct.unpack_from("<H", data, first)[0]):
        at = first + 2 + 12 * number
        if struct.unpack_from("<H", data, at)[0] in (256, 257):  # width and height
            struct.pack_into("<HII", data, at + 2, 4, 1, 60_000)
    return bytes(data)


BROKEN: dict[str, Callable[[], bytes]] = {
    "png-bomb": lambda: _png(60_000, 60_000),
    "gif-frames": _gif_frames,
    "tiff-bomb": _tiff_bomb,
    "truncated": lambda: _saved(Image.effect_noise((400, 400), 90), "PNG")[:5000],
    "one-wide": lambda: _saved(Image.new("RGB", (1, 60_000)), "PNG"),
    "empty": lambda: b"",
    "text": lambda: b"not an image at all",
    "svg": lambda: b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "25-mb": lambda: _saved(Image.new("RGB", (64, 64)), "PNG") + bytes(25 * 2**20),
}


@pytest.mark.row(12)
def test_broken_and_enormous_images_are_refused_within_bounded_memory(platform: Platform) -> None:
    client = platform.client()
    before = _peak_bytes(platform)
    for name, make in BROKEN.items():
        asked = {"kind": "ocr", "input": {"images": [{"data": data_uri(make())}], "mode": "text"}}
        refused = client.post(asked, f"broken-{name}")
        assert refused is not None, name
        assert refused.status_code in (413, 415, 422), (name, refused.text[:300])
        assert refused.json()["code"], name
    many = [{"data": data_uri(picture(9500))} for _ in range(100)]
    refused = client.post({"kind": "gui", "input": {"images": many, "instruction": "Click"}}, "broken-many")
    assert refused is not None
    assert (refused.status_code, refused.json()["code"]) == (422, "too_many_images")
    assert _peak_bytes(platform) - before < MOST_GROWTH


@pytest.mark.row(12)
def test_a_turned_photo_is_read_as_people_see_it(platform: Platform) -> None:
    """EXIF's orientation is applied, so that coordinates are those of the upright picture."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    photo = _saved(Image.new("RGB", (96, 64), "red"), "JPEG", exif=exif)
    client = platform.client()
    asked = {"images": [{"data": data_uri(photo)}], "instruction": "Click Save", "tool": "computer_use"}
    ended = client.wait(client.submit({"kind": "gui", "input": asked}))
    assert ended["status"] == "succeeded"
    image = ended["output"]["resolved"]["image"]
    assert (image["width"], image["height"]) == (64, 96)


def _peak_bytes(platform: Platform) -> int:
    """The most memory that the web process has had so far."""
    status = Path(f"/proc/{platform.children['web'].pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024
