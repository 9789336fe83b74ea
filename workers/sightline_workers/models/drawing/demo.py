"""The pictures of the demo, with what a right answer to each of them is."""

from __future__ import annotations

from dataclasses import dataclass

from PIL.Image import Image

from .page import PageStyle, draw_page
from .scene import Box, Scene
from .window import Control, WindowStyle, draw_window


@dataclass(frozen=True, kw_only=True)
class DemoImage:
    """A picture, what is asked about it, and what the answer must be."""

    image: Image
    prompt: str
    """ocr: empty (the mode is the prompt); gui: the instruction; chat: the question."""
    text: str
    """ocr and chat: the exact answer; gui: the label of the button."""
    box: Box | None = None
    """gui: the button's box in px, within which the click must lie."""


def demo_images() -> dict[str, DemoImage]:
    """A receipt for ocr, a window for gui and a sign for chat, by the name of the kind."""
    receipt = draw_page(
        ["Coffee 3.20", "Bread 4.75", "Total 7.95"], PageStyle(width=352, height=128, left=23, top=13)
    )
    window = draw_window(
        [
            Control(label="Name", kind="field", at=(30, 54), room=80),
            Control(label="Wrap", kind="checkbox", at=(210, 61)),
            Control(label="Save", at=(42, 133), colour="green"),
            Control(label="Close", at=(197, 138), colour="red"),
        ],
        WindowStyle(width=352, height=224, title="Editor", title_at=(14, 0)),
    )
    sign = draw_page(["Gate B12"], PageStyle(width=320, ink="blue", left=77, top=21))
    close = next(element for element in window.elements if element.label == "Close")
    return {
        "ocr": DemoImage(image=receipt.image, prompt="", text=receipt.text),
        "gui": DemoImage(image=window.image, prompt="Click Close", text="Close", box=close.box),
        "chat": DemoImage(image=sign.image, prompt="What does it say?", text="Gate B12"),
    }


def demo_pages() -> dict[str, Scene]:
    """Pages for ocr by name: a folder to read."""
    style = PageStyle(width=320, height=128, left=18, top=15)
    return {
        "order": draw_page(["Order: 4417", "2 x Tea 5.20", "Paid 10.40"], style),
        "seat": draw_page(["Flight: LH402", "Gate B12", "Seat: 14C"], style),
        "street": draw_page(["Street: K7", "Floor 3", "Room: 204"], style),
    }
