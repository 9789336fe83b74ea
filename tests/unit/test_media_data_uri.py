"""Data URIs: one form, with its size known before anything is decoded."""

import base64
import tracemalloc

import pytest

from sightline.media.data_uri import parse
from sightline.media.refusal import MediaRefused, MediaTooLarge, UnsupportedMedia

BYTES = bytes(range(256))
TEXT = base64.b64encode(BYTES).decode()


@pytest.mark.parametrize(
    ("head", "mime"),
    [
        ("data:image/png;base64,", "image/png"),
        ("DATA:IMAGE/JPEG;BASE64,", "image/jpeg"),
        ("data:;base64,", ""),
        ("data:image/svg+xml;charset=utf-8;base64,", "image/svg+xml"),
        ("data:application/octet-stream;base64,", "application/octet-stream"),
    ],
)
def test_a_base64_data_uri_is_decoded(head: str, mime: str) -> None:
    uri = parse(head + TEXT, 256)
    assert (uri.mime, uri.data) == (mime, BYTES)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "image/png;base64,AAAA",
        "https://example.com/a.png",
        "data:image/png,AAAA",
        "data:image/png;base64",
        "data:image/png;base64,AAA",
        "data:image/png;base64,AA=A",
        "data:image/png;base64,AA==AA==",
        "data:image/png;base64,AAAA\n",
        "data:image/png;base64,AA-_",
        "data:image/png;base64,ÄÄÄÄ",
        "data:image/png;base64,%41AAA",
        "data:" + "a" * 1000 + ",AAAA",
    ],
)
def test_any_other_form_is_422(text: str) -> None:
    with pytest.raises(MediaRefused) as refusal:
        parse(text, 1000)
    assert (refusal.value.status, refusal.value.code) == (422, "invalid_input")


@pytest.mark.parametrize("mime", ["text/html", "video/mp4", "application/pdf"])
def test_another_declared_type_is_415(mime: str) -> None:
    with pytest.raises(UnsupportedMedia):
        parse(f"data:{mime};base64,AAAA", 1000)


def test_the_limit_counts_decoded_bytes_exactly() -> None:
    for size in range(254, 258):
        text = "data:image/png;base64," + base64.b64encode(bytes(size)).decode()
        assert len(parse(text, size).data) == size
        with pytest.raises(MediaTooLarge) as refusal:
            parse(text, size - 1)
        assert refusal.value.status == 413


def test_a_large_one_is_refused_without_being_decoded() -> None:
    text = "data:image/png;base64," + "A" * 40_000_000
    tracemalloc.start()
    with pytest.raises(MediaTooLarge):
        parse(text, 20_000_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000
