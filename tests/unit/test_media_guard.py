"""Row 12 of the fault matrix: what is not an image, or would cost too much, is refused at the door."""

import io
import struct
import subprocess
import sys
import time
import zlib

import pytest
from PIL import Image

from sightline.media.guard import inspect
from sightline.media.limits import Limits
from sightline.media.normalise import normalise
from sightline.media.refusal import MediaRefused, MediaTooLarge, UnsupportedMedia
from sightline.media.sniff import Format

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


def encode(kind: str, size: tuple[int, int] = (64, 48), mode: str = "RGB", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(*chunks: bytes, width: int = 16, height: int = 16, data: bytes | None = None) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    pixels = zlib.compress(bytes((width + 1) * height)) if data is None else data
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def zeros(megabytes: int) -> bytes:
    compressor = zlib.compressobj(9)
    block = bytes(2**20)
    return b"".join(compressor.compress(block) for _ in range(megabytes)) + compressor.flush()


def tiff(tags: dict[int, tuple[int, list[int]]], tail: bytes = b"", following: int = 0) -> bytes:
    """A little-endian TIFF of one directory; tag → (field type 3 or 4, values)."""
    start = 8 + 2 + 12 * len(tags) + 4
    entries, extra = b"", b""
    for tag, (kind, values) in sorted(tags.items()):
        body = struct.pack(f"<{len(values)}{'H' if kind == 3 else 'I'}", *values)
        place = body.ljust(4, b"\0") if len(body) <= 4 else struct.pack("<I", start + len(extra))
        extra += body if len(body) > 4 else b""
        entries += struct.pack("<HHI", tag, kind, len(values)) + place
    directory = struct.pack("<H", len(tags)) + entries + struct.pack("<I", following)
    return b"II*\0" + struct.pack("<I", 8) + directory + extra + tail


PLAIN_TIFF = {
    256: (3, [16]),
    257: (3, [16]),
    258: (3, [8]),
    259: (3, [1]),
    262: (3, [1]),
    273: (4, [200]),
    277: (3, [1]),
    278: (3, [16]),
    279: (4, [256]),
}


@pytest.mark.parametrize(
    ("data", "mime"),
    [
        (encode("PNG"), "image/png"),
        (encode("PNG", mode="P"), "image/png"),
        (encode("JPEG"), "image/jpeg"),
        (encode("JPEG", progressive=True), "image/jpeg"),
        (encode("JPEG", mode="CMYK"), "image/jpeg"),
        (encode("WEBP"), "image/webp"),
        (encode("WEBP", lossless=True), "image/webp"),
        (encode("WEBP", mode="RGBA"), "image/webp"),
        (encode("GIF"), "image/gif"),
        (encode("BMP"), "image/bmp"),
        (encode("BMP", mode="P"), "image/bmp"),
        (encode("TIFF"), "image/tiff"),
        (encode("TIFF", compression="tiff_lzw"), "image/tiff"),
        (encode("TIFF", mode="1", compression="group4"), "image/tiff"),
        (encode("TIFF", mode="RGBA", compression="tiff_deflate"), "image/tiff"),
        (tiff(PLAIN_TIFF, bytes(400)), "image/tiff"),
    ],
)
def test_an_ordinary_image_of_every_format_is_taken(data: bytes, mime: str) -> None:
    facts = inspect(data)
    assert facts.mime == mime
    assert (facts.frames, facts.orientation, facts.bytes) == (1, 1, len(data))
    assert (facts.width, facts.height) in {(64, 48), (16, 16)}
    assert normalise(data, facts).original_width == facts.width


NOT_IMAGES = {
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    "svg after xml": b'<?xml version="1.0"?><svg/>',
    "html": b"<!DOCTYPE html><html><script>alert(1)</script></html>",
    "pdf": b"%PDF-1.7\n%\xe2\xe3",
    "text": b"hello",
    "zeros": bytes(1000),
    "mp4": b"\x00\x00\x00\x20ftypisom",
    "avif": b"\x00\x00\x00\x20ftypavif",
    "gzip": b"\x1f\x8b\x08\x00",
    "pickle": b"\x80\x04\x95\x10\x00",
    "icon": b"\x00\x00\x01\x00\x01\x00",
    "half a signature": b"\x89PNG\r\n",
    "bigtiff": b"II+\x00\x08\x00\x00\x00",
    "run-length bmp": b"BM" + struct.pack("<IIIIiiHHIIiiII", 54, 0, 54, 40, 16, 16, 1, 8, 1, 0, 0, 0, 0, 0),
    "lossless jpeg": b"\xff\xd8\xff\xc3\x00\x0b\x08\x00\x10\x00\x10\x01\x01\x11\x00",
    "12-bit jpeg": b"\xff\xd8\xff\xc1\x00\x0b\x0c\x00\x10\x00\x10\x01\x01\x11\x00",
    "float tiff": tiff(PLAIN_TIFF | {258: (3, [32]), 339: (3, [3])}, bytes(400)),
}


@pytest.mark.parametrize("data", NOT_IMAGES.values(), ids=NOT_IMAGES)
def test_what_is_not_an_image_that_is_read_is_415(data: bytes) -> None:
    with pytest.raises(UnsupportedMedia) as refusal:
        inspect(data)
    assert (refusal.value.status, refusal.value.code) == (415, "unsupported_media")
    assert len(refusal.value.detail) > 20


def test_an_svg_is_told_to_become_a_png() -> None:
    with pytest.raises(UnsupportedMedia, match="SVG"):
        inspect(NOT_IMAGES["svg"])


def test_an_empty_body_is_422() -> None:
    with pytest.raises(MediaRefused, match="empty") as refusal:
        inspect(b"")
    assert (refusal.value.status, refusal.value.code) == (422, "invalid_input")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_a_cut_off_image_is_422_wherever_it_is_cut(kind: str) -> None:
    whole = encode(kind, (97, 61))
    for cut in range(12, len(whole) - 1, max(1, len(whole) // 97)):
        part = whole[:cut]
        try:
            normalise(part, inspect(part))
        except MediaRefused as refusal:
            assert refusal.status == 422, (cut, refusal.detail)  # noqa: PT017
        else:
            pytest.fail(f"{kind} cut at {cut} of {len(whole)} was taken")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_flipped_bytes_never_raise_anything_but_a_refusal(kind: str) -> None:
    whole = encode(kind, (97, 61))
    for position in range(8, len(whole), max(1, len(whole) // 199)):
        for value in (0x00, 0x7F, 0xFF):
            broken = bytearray(whole)
            broken[position] = value
            try:
                normalise(bytes(broken), inspect(bytes(broken)))
            except MediaRefused as refusal:
                assert refusal.status in (413, 415, 422)  # noqa: PT017


def test_25_megabytes_are_413_whatever_they_are() -> None:
    for data in (bytes(25 * 10**6), encode("PNG") + bytes(25 * 10**6)):
        with pytest.raises(MediaTooLarge) as refusal:
            inspect(data)
        assert (refusal.value.status, refusal.value.code) == (413, "media_too_large")


def test_a_file_is_read_no_further_than_its_limit(tmp_path) -> None:
    path = tmp_path / "large.png"
    with path.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(MediaTooLarge):
        inspect(path)
    path.write_bytes(encode("PNG"))
    assert inspect(path).mime is Format.PNG


def _gif_header(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0)


def _gif_frame(width: int = 1, height: int = 1, left: int = 0) -> bytes:
    return struct.pack("<BHHHHB", 0x2C, left, 0, width, height, 0) + b"\x02\x02\x44\x01\x00"


def _progressive_with_scans(scans: int) -> bytes:
    whole = encode("JPEG", (64, 64), progressive=True)
    last = whole.rindex(b"\xff\xda")
    return whole[:-2] + whole[last:-2] * scans + whole[-2:]


BOMBS = {
    "png of 169 megapixels": png(width=13000, height=13000, data=zeros(1)),
    "png of 2**31 square": png(width=2**31 - 1, height=2**31 - 1, data=zeros(1)),
    "png text of 200 megabytes": png(chunk(b"zTXt", b"Comment\0\0" + zeros(200))),
    "png international text": png(chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zeros(200))),
    "png colour profile": png(chunk(b"iCCP", b"icc\0\0" + zeros(200))),
    "png of a million chunks": png(chunk(b"tEXt", b"a\0b") * 1_000_000),
    "apng of many frames": png(chunk(b"acTL", struct.pack(">II", 10_000, 0))),
    "gif of many frames": _gif_header(8000, 4000) + _gif_frame() * 100_000 + b";",
    "gif whose frame outgrows its screen": _gif_header(8, 8) + _gif_frame(60000, 60000) + b";",
    "gif of tiny blocks": _gif_header(8, 8) + _gif_frame(8, 8)[:11] + b"\x01" * 19_000_000,
    "bmp of 4 gigapixels": b"BM"
    + struct.pack("<IIIIiiHHIIiiII", 54, 0, 54, 40, 65536, 65536, 1, 1, 0, 0, 0, 0, 0, 0),
    "jpeg of 65,500 square": b"\xff\xd8\xff\xc0\x00\x0b\x08\xff\xdc\xff\xdc\x01\x01\x11\x00"
    + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00\x00\xff\xd9",
    "jpeg of many scans": _progressive_with_scans(1000),
    "webp canvas of 16,000 square": b"RIFF\x1e\0\0\0WEBPVP8X"
    + struct.pack("<IB3xHBHB", 10, 0, 15999, 0, 15999, 0)
    + b"ANMF\0\0\0\0",
    "tiff of 4 gigapixels": tiff(PLAIN_TIFF | {256: (4, [65536]), 257: (4, [65536])}, bytes(400)),
    "tiff of many strips": tiff(PLAIN_TIFF | {273: (4, [8] * 100_000), 279: (4, [1] * 100_000)}),
    "tiff of a huge tile": tiff(
        {tag: value for tag, value in PLAIN_TIFF.items() if tag not in (273, 278, 279)}
        | {322: (4, [60000]), 323: (4, [60000]), 324: (4, [200]), 325: (4, [100])},
        bytes(400),
    ),
}


@pytest.mark.parametrize("data", BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_refused_within_a_second(data: bytes) -> None:
    started = time.process_time()
    with pytest.raises(MediaRefused) as refusal:
        normalise(data, inspect(data))
    assert time.process_time() - started < 1.0
    assert refusal.value.status in (413, 422)


@pytest.mark.parametrize(
    "name", ["png of 169 megapixels", "gif of many frames", "tiff of 4 gigapixels", "jpeg of many scans"]
)
def test_a_bomb_is_413_by_its_header_alone(name: str) -> None:
    with pytest.raises(MediaTooLarge):
        inspect(BOMBS[name])


def test_tiff_pages_in_a_circle_are_refused() -> None:
    with pytest.raises(MediaRefused, match="circle"):
        inspect(tiff(PLAIN_TIFF, bytes(400), following=8))


def test_tiff_strips_over_the_same_bytes_are_refused() -> None:
    data = tiff(PLAIN_TIFF | {273: (4, [200] * 100), 278: (3, [1]), 279: (4, [1200] * 100)}, bytes(2000))
    with pytest.raises(MediaRefused) as refusal:
        inspect(data)
    assert refusal.value.status == 422


def test_an_image_that_is_too_thin_for_qwen_is_422() -> None:
    for size in ((2010, 10), (10, 2010), (1, 500), (500, 1), (3, 3)):
        with pytest.raises(MediaRefused) as refusal:
            inspect(encode("PNG", size))
        assert refusal.value.status == 422
    assert inspect(encode("PNG", (2000, 10))).width == 2000


def test_a_header_that_disagrees_with_the_data_is_refused() -> None:
    whole = encode("JPEG", (64, 64))
    frame = whole.index(b"\xff\xc0")
    # A second frame header before the data: Pillow believes the last, libjpeg stops at it.
    doubled = (
        whole[:frame]
        + whole[frame : frame + 5]
        + b"\x00\x10\x00\x10"
        + whole[frame + 9 : frame + 19]
        + whole[frame:]
    )
    with pytest.raises(MediaRefused):
        normalise(doubled, inspect(doubled))


def test_limits_are_positive() -> None:
    with pytest.raises(ValueError, match="max_bytes"):
        Limits(max_bytes=0)


_PEAK = """
import resource, sys
from sightline.media.guard import inspect
from sightline.media.normalise import normalise
from sightline.media.refusal import MediaRefused
data = sys.stdin.buffer.read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    normalise(data, inspect(data)); ended = "taken"
except MediaRefused as refusal:
    ended = str(refusal.status)
print(ended, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def peak(data: bytes) -> tuple[str, int]:
    """How an image ended, and the mebibytes that it took, in a process of its own."""
    done = subprocess.run([sys.executable, "-c", _PEAK], input=data, capture_output=True, check=True)
    ended, used = done.stdout.split()
    return ended.decode(), int(used)


@pytest.mark.parametrize(
    "name",
    [
        "png of 169 megapixels",
        "png text of 200 megabytes",
        "png colour profile",
        "gif of many frames",
        "tiff of 4 gigapixels",
    ],
)
def test_a_bomb_takes_little_memory(name: str) -> None:
    ended, used = peak(BOMBS[name])
    assert ended == "413"
    assert used < 32


def test_the_largest_picture_takes_a_bounded_memory() -> None:
    data = png(width=8192, height=4096, data=zlib.compress(bytes(8193 * 4096)))
    ended, used = peak(data)
    assert ended == "taken"
    assert used < 400
