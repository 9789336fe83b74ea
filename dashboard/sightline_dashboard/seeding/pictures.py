"""Pictures that look like what people send: a settings window, a phone, an invoice, a chart."""

import io
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

INK, GREY, PAPER, LINE, BLUE = "#1f2937", "#6b7280", "#ffffff", "#d1d5db", "#2563eb"
Rectangle = tuple[int, int, int, int]


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A drawn image and where its parts are, in pixels: x1, y1, x2, y2."""

    name: str
    png: bytes
    width: int
    height: int
    parts: dict[str, Rectangle]

    def grid(self, part: str, divisor: int = 1000) -> list[int]:
        """The part on the model's grid."""
        sizes = (self.width, self.height, self.width, self.height)
        return [round(value * divisor / size) for value, size in zip(self.parts[part], sizes, strict=True)]

    def middle(self, part: str, divisor: int = 1000) -> list[int]:
        """The middle of the part on the model's grid."""
        x1, y1, x2, y2 = self.grid(part, divisor)
        return [(x1 + x2) // 2, (y1 + y2) // 2]


class _Canvas:
    def __init__(self, width: int, height: int, colour: str) -> None:
        self.image = Image.new("RGB", (width, height), colour)
        self.draw = ImageDraw.Draw(self.image)
        self.parts: dict[str, Rectangle] = {}

    def text(
        self, at: tuple[int, int], text: str, size: int = 24, colour: str = INK, part: bool = False
    ) -> None:
        font = ImageFont.load_default(size)
        self.draw.text(at, text, fill=colour, font=font)
        if part:
            x1, y1, x2, y2 = self.draw.textbbox(at, text, font=font)
            self.parts[text] = (int(x1) - 4, int(y1) - 4, int(x2) + 4, int(y2) + 4)

    def button(self, box: Rectangle, text: str, *, primary: bool = False) -> None:
        self.draw.rounded_rectangle(
            box, 8, fill=BLUE if primary else "#f3f4f6", outline=BLUE if primary else LINE, width=2
        )
        font = ImageFont.load_default(24)
        self.draw.text(
            ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2),
            text,
            fill="white" if primary else INK,
            font=font,
            anchor="mm",
        )
        self.parts[text] = box

    def picture(self, name: str) -> Picture:
        data = io.BytesIO()
        self.image.save(data, "PNG", optimize=True)
        width, height = self.image.size
        return Picture(name=name, png=data.getvalue(), width=width, height=height, parts=self.parts)


def window() -> Picture:
    """A desktop application with a dialog: Save, Cancel, Don't save."""
    canvas = _Canvas(1280, 800, "#e5e7eb")
    canvas.draw.rectangle((0, 0, 1280, 44), fill="#111827")
    canvas.text((20, 8), "Ledger 4 - quarter.xlsx", 24, "#f9fafb")
    for column, word in enumerate(("File", "Edit", "View", "Insert", "Help")):
        canvas.text((20 + column * 110, 56), word, 22, GREY)
    for row in range(13):
        for column in range(8):
            x, y = 20 + column * 155, 100 + row * 50
            canvas.draw.rectangle((x, y, x + 155, y + 50), fill=PAPER, outline=LINE)
            canvas.text((x + 12, y + 14), str(1000 + (row * 37 + column * 113) % 900), 20, "#9ca3af")
    canvas.draw.rounded_rectangle((360, 270, 920, 530), 14, fill=PAPER, outline="#9ca3af", width=2)
    canvas.text((400, 305), "Save changes to quarter.xlsx?", 30)
    canvas.text((400, 360), "Your changes are lost if you don't save them.", 22, GREY)
    canvas.button((400, 440, 560, 495), "Don't save")
    canvas.button((590, 440, 730, 495), "Cancel")
    canvas.button((760, 440, 880, 495), "Save", primary=True)
    return canvas.picture("ledger.png")


def phone() -> Picture:
    """A phone's list of settings, to be swiped or tapped."""
    canvas = _Canvas(720, 1280, "#f3f4f6")
    canvas.text((40, 30), "09:41", 28)
    canvas.text((40, 110), "Settings", 52)
    for row, word in enumerate(("Wi-Fi", "Bluetooth", "Display", "Sound", "Battery", "Privacy", "Storage")):
        y = 220 + row * 135
        canvas.draw.rounded_rectangle((30, y, 690, y + 115), 18, fill=PAPER)
        canvas.text((70, y + 40), word, 34)
        canvas.parts[word] = (30, y, 690, y + 115)
    return canvas.picture("phone.png")


_INVOICE = (
    ("Northwind Optics Ltd", 38, 90),
    ("Invoice 4711", 54, 190),
    ("Date 2026-03-14", 30, 290),
    ("12 lenses 50 mm 840.00", 30, 420),
    ("3 filters ND8 96.00", 30, 490),
    ("1 tripod 129.90", 30, 560),
    ("Total EUR 1065.90", 40, 700),
    ("Payable within 30 days", 30, 820),
)


def invoice() -> Picture:
    """A page of lines, each a part under its own text."""
    canvas = _Canvas(1000, 1000, PAPER)
    for text, size, y in _INVOICE:
        canvas.text((90, y), text, size, part=True)
    canvas.draw.line((90, 660, 910, 660), fill=LINE, width=3)
    return canvas.picture("invoice-4711.png")


def chart() -> Picture:
    """A bar chart with a tallest bar to ask about."""
    canvas = _Canvas(900, 560, PAPER)
    canvas.text((60, 30), "Jobs per weekday", 34)
    for index, (day, height) in enumerate(
        (("Mon", 210), ("Tue", 260), ("Wed", 340), ("Thu", 300), ("Fri", 180))
    ):
        x = 80 + index * 160
        canvas.draw.rectangle((x, 480 - height, x + 100, 480), fill=BLUE if day == "Wed" else "#93c5fd")
        canvas.text((x + 25, 495), day, 26, GREY)
    canvas.draw.line((60, 480, 860, 480), fill=GREY, width=2)
    return canvas.picture("weekdays.png")
