"""Requests for jobs of every kind, each with a picture of its own."""

import base64
import hashlib
import io
import random
from functools import lru_cache
from typing import Any

from PIL import Image

KINDS = ("gui", "ocr", "chat")


@lru_cache(maxsize=4096)
def picture(number: int, side: int = 48) -> bytes:
    """A PNG that no other number has."""
    noise = random.Random(number)
    image = Image.new("RGB", (side, side), tuple(noise.randrange(256) for _ in range(3)))
    for bit in range(24):
        if number >> bit & 1:
            image.putpixel((bit, 0), (255, 255, 255))
    image.putpixel((30, 30), (number & 255, number >> 8 & 255, number >> 16 & 255))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def data_uri(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


def body(kind: str, number: int, *, pages: int = 1, text: str = "", **envelope: Any) -> dict[str, Any]:
    """The body of a submission; `number` sets its pictures apart, `text` goes into the prompt."""
    images = [{"data": data_uri(picture(number * 16 + page))} for page in range(pages)]
    match kind:
        case "gui":
            given: dict[str, Any] = {
                "instruction": text or f"Press button {number}",
                "images": images,
                "tool": "computer_use",
            }
        case "ocr":
            given = {"images": images, "mode": "text"}
        case _:
            given = {"prompt": text or f"What is {number}?"}
    return {"kind": kind, "input": given, **envelope}
