"""Pictures that look alike, drawn from a seed: pairs whose answers differ, and harmless copies of one picture.

A *scene* is a picture with named values in it. Two drawings of one scene with another value in one place are a pair
that must never be taken for each other; one drawing encoded twice is a harmless duplicate.
"""

import io
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from PIL import Image, ImageChops, ImageDraw, ImageOps

from sightline_workers.models.drawing.fonts import Face, font

SIZE = (1280, 720)
"""Width and height of the scenes, in pixels: a usual screen's, scaled by nothing."""

Values = Mapping[str, str]
Encoder = Callable[[Image.Image], bytes]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One picture and what may change in it."""

    name: str
    draw: Callable[[Values], Image.Image]
    values: Values
    """What stands in it."""
    changes: Mapping[str, Values] = field(default_factory=dict)
    """By what differs: other values, each of which has another answer."""

    def picture(self, change: str | None = None) -> Image.Image:
        """The scene as it is, or with one change."""
        return self.draw({**self.values, **(self.changes[change] if change else {})})


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two files, and whether one answer is right for both."""

    name: str
    """`scene/what differs/how the second is encoded`."""
    first: bytes
    second: bytes
    same: bool
    """The answer for the first is right for the second."""
    way: str
    """How the second came about: an encoding, a shift, a crop."""


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png(image: Image.Image) -> bytes:
    """Lossless, as a screenshot tool writes it."""
    return _saved(image, "PNG", compress_level=1)


def jpeg(quality: int) -> Encoder:
    """As cameras, browsers and mail programs write it: chroma at half the resolution."""
    return lambda image: _saved(image, "JPEG", quality=quality)


def webp(quality: int) -> Encoder:
    return lambda image: _saved(image, "WEBP", quality=quality, method=2)


ENCODERS: Mapping[str, Encoder] = {
    "png": png,
    "png-level9": lambda image: _saved(image, "PNG", compress_level=9),
    "webp-lossless": lambda image: _saved(image, "WEBP", lossless=True, quality=20, method=0),
    "jpeg95": jpeg(95),
    "jpeg90": jpeg(90),
    "jpeg85": jpeg(85),
    "jpeg75": jpeg(75),
    "jpeg60": jpeg(60),
    "webp95": webp(95),
    "webp80": webp(80),
    "webp60": webp(60),
}
HARD_ENCODERS = ("png", "jpeg95", "jpeg75", "jpeg60", "webp80")
"""What the changed pictures are encoded with: noise in which a small change could hide."""


def differing(
    seed: int, *, scenes: int, firsts: Sequence[str] = ("png", "jpeg75"), ways: Sequence[str] = HARD_ENCODERS
) -> Iterator[Pair]:
    """Pairs whose answers differ: one value changed, then encoded; also shifted, cropped and inverted copies.

    Every change is drawn in each of the encodings `ways`, beside the original in each of `firsts`.
    """
    for scene in drawn(seed, scenes):
        original = scene.picture()
        for change in scene.changes:
            changed = scene.picture(change)
            for first in firsts:
                before = ENCODERS[first](original)
                for way in ways:
                    yield Pair(
                        name=f"{scene.name}/{change}/{first}→{way}",
                        first=before,
                        second=ENCODERS[way](changed),
                        same=False,
                        way=way,
                    )
            yield Pair(
                name=f"{scene.name}/{change}/shifted",
                first=png(original),
                second=png(shifted(changed, 1, 0)),
                same=False,
                way="shifted",
            )
        for way, other in _reframed(original):
            yield Pair(
                name=f"{scene.name}/{way}", first=png(original), second=png(other), same=False, way=way
            )


def harmless(
    seed: int,
    *,
    scenes: int,
    firsts: Sequence[str] = ("png", "jpeg90"),
    ways: Sequence[str] = tuple(ENCODERS),
) -> Iterator[Pair]:
    """Pairs of one picture: other containers, other qualities, and shifts of a pixel or two."""
    for scene in drawn(seed, scenes):
        original = scene.picture()
        for first in firsts:
            before = ENCODERS[first](original)
            for way in ways:
                yield Pair(
                    name=f"{scene.name}/{first}→{way}",
                    first=before,
                    second=ENCODERS[way](original),
                    same=True,
                    way=way,
                )
        for x, y in ((1, 0), (0, 1), (-2, 1)):
            yield Pair(
                name=f"{scene.name}/shift {x},{y}",
                first=png(original),
                second=png(shifted(original, x, y)),
                same=True,
                way="shift",
            )


def shifted(image: Image.Image, x: int, y: int) -> Image.Image:
    """Moved right and down by so many pixels; the border is repeated, as a window that moves shows it."""
    moved = ImageChops.offset(image, x, y)
    width, height = image.size
    for column in range(abs(x)):
        at = column if x > 0 else width - 1 - column
        edge = 0 if x > 0 else width - 1
        moved.paste(image.crop((edge, 0, edge + 1, height)), (at, 0))
    for row in range(abs(y)):
        at = row if y > 0 else height - 1 - row
        edge = 0 if y > 0 else height - 1
        moved.paste(image.crop((0, edge, width, edge + 1)), (0, at))
    return moved


def _reframed(image: Image.Image) -> Iterator[tuple[str, Image.Image]]:
    """Copies in which coordinates mean something else, or text is gone."""
    width, height = image.size
    yield "cropped", image.crop((40, 30, width, height))
    yield "cropped and enlarged", image.crop((64, 36, width - 64, height - 36)).resize(image.size)
    yield (
        "cropped and padded",
        ImageOps.expand(image.crop((0, 0, width, height - 24)), (0, 24, 0, 0), "white"),
    )
    yield "dark mode", ImageOps.invert(image)
    yield "mirrored", ImageOps.mirror(image)


# --- the scenes ----------------------------------------------------------------------------------------------------


def drawn(seed: int, count: int) -> list[Scene]:
    """`count` scenes of all sorts in turn."""
    sorts = (_form, _dialog, _settings, _table, _terminal, _faint, _photo)
    return [sorts[i % len(sorts)](random.Random(f"{seed}/{i}"), f"{i}") for i in range(count)]


def _text(
    draw: ImageDraw.ImageDraw,
    at: tuple[float, float],
    text: str,
    *,
    size: int = 14,
    fill: str = "#202020",
    face: Face = "DejaVuSans",
) -> None:
    draw.text(at, text, font=font(face, size), fill=fill)


def _digits(rng: random.Random, count: int) -> str:
    return "".join(rng.choice("0123456789") for _ in range(count))


_LOOK_ALIKE = {
    "3": "8",
    "8": "3",
    "5": "6",
    "6": "5",
    "1": "7",
    "7": "1",
    "0": "8",
    "9": "6",
    "2": "7",
    "4": "9",
}


def _other_digit(text: str, rng: random.Random) -> str:
    """One digit replaced by one that looks like it."""
    at = rng.choice([i for i, letter in enumerate(text) if letter.isdigit()])
    return text[:at] + _LOOK_ALIKE[text[at]] + text[at + 1 :]


def _swapped(text: str) -> str:
    """Two neighbouring digits that differ, exchanged; the ink stays the same."""
    for i in range(len(text) - 1):
        if text[i].isdigit() and text[i + 1].isdigit() and text[i] != text[i + 1]:
            return text[:i] + text[i + 1] + text[i] + text[i + 2 :]
    return _LOOK_ALIKE[text[0]] + text[1:]


def _form(rng: random.Random, tag: str) -> Scene:
    """An invoice."""
    values = {
        "number": f"{rng.choice('ABCX')}-{_digits(rng, 6)}",
        "date": f"20{rng.randint(18, 29)}-0{rng.randint(1, 9)}-1{rng.randint(0, 9)}",
        "total": f"{rng.randint(1, 9)}{_digits(rng, 3)}.{_digits(rng, 2)}",
        "tax": f"{rng.randint(1, 9)}{_digits(rng, 1)}.{_digits(rng, 2)}",
        "name": rng.choice(("Miller & Sons", "Harbour Copper Ltd", "Quartz Meadow")),
    }
    size = rng.choice((11, 13, 16))
    lines = [
        (f"Item {n} {rng.choice(('bolt', 'lamp', 'cable', 'valve'))}", _digits(rng, 3)) for n in range(12)
    ]

    def draw(now: Values) -> Image.Image:
        image = Image.new("RGB", SIZE, "white")
        pen = ImageDraw.Draw(image)
        _text(pen, (80, 40), "INVOICE", size=28, face="DejaVuSans-Bold")
        for row, (label, key) in enumerate((("Number", "number"), ("Date", "date"), ("Customer", "name"))):
            _text(pen, (80, 100 + row * 28), label, size=size, fill="#606060")
            _text(pen, (240, 100 + row * 28), now[key], size=size)
        for row, (item, price) in enumerate(lines):
            _text(pen, (80, 220 + row * 26), item, size=size)
            _text(pen, (900, 220 + row * 26), f"{price}.00", size=size, face="DejaVuSansMono")
            pen.line((80, 242 + row * 26, 1000, 242 + row * 26), fill="#d8d8d8")
        _text(pen, (740, 560), "Tax", size=size)
        _text(pen, (900, 560), now["tax"], size=size, face="DejaVuSansMono")
        _text(pen, (740, 590), "Total", size=size, face="DejaVuSans-Bold")
        _text(pen, (900, 590), now["total"], size=size, face="DejaVuSansMono-Bold")
        return image

    total, number = values["total"], values["number"]
    return Scene(
        name=f"form{tag}",
        draw=draw,
        values=values,
        changes={
            "a digit of the total": {"total": _other_digit(total, rng)},
            "digits swapped": {"number": _swapped(number)},
            "decimal point gone": {"total": total.replace(".", "")},
            "a comma for the point": {"total": total.replace(".", ",")},
            "a minus": {"tax": f"-{values['tax']}"},
            "a digit of the date": {"date": _other_digit(values["date"], rng)},
            "one letter": {"name": values["name"].replace("e", "c", 1)},
        },
    )


def _dialog(rng: random.Random, tag: str) -> Scene:
    """A question with buttons over a window."""
    labels = rng.choice((("Save", "Don't Save", "Cancel"), ("Yes", "No", "Help"), ("OK", "Retry", "Abort")))
    left, top = rng.randint(200, 500), rng.randint(150, 300)
    face = rng.choice(("#e1e1e1", "#f0f0f0", "#fdfdfd"))
    text = f"Do you want to keep file {_digits(rng, 4)}?"

    def draw(now: Values) -> Image.Image:
        image = Image.new("RGB", SIZE, "#3a6ea5")
        pen = ImageDraw.Draw(image)
        pen.rectangle((40, 40, 1240, 680), fill="#ffffff", outline="#808080")
        for row in range(20):
            _text(pen, (60, 60 + row * 30), f"Line {row} of the document behind", size=13, fill="#909090")
        pen.rectangle((left, top, left + 460, top + 180), fill="#f0f0f0", outline="#404040")
        _text(pen, (left + 24, top + 40), now["text"], size=14)
        for i, label in enumerate(labels):
            x, y = left + 24 + i * 140, top + 120
            pressed, focused = now["pressed"] == str(i), now["focus"] == str(i)
            fill = "#cce4f7" if pressed else face
            pen.rectangle((x, y, x + 120, y + 32), fill=fill, outline="#0078d7" if focused else "#adadad")
            colour = "#a0a0a0" if now["disabled"] == str(i) else "#101010"
            _text(pen, (x + 20, y + 7), label, fill=colour)
        return image

    return Scene(
        name=f"dialog{tag}",
        draw=draw,
        values={"pressed": "0", "focus": "0", "disabled": "", "text": text},
        changes={
            "another button pressed": {"pressed": "1"},
            "no button pressed": {"pressed": ""},
            "another focus": {"focus": "2"},
            "a button disabled": {"disabled": "2"},
            "a digit of the file": {"text": _other_digit(text, rng)},
        },
    )


def _settings(rng: random.Random, tag: str) -> Scene:
    """Boxes, radio buttons, a switch, a slider and a badge."""
    dark = rng.random() < 0.5
    ground, ink, soft = ("#1e1e1e", "#d4d4d4", "#3c3c3c") if dark else ("#fafafa", "#222222", "#d0d0d0")

    def draw(now: Values) -> Image.Image:
        image = Image.new("RGB", SIZE, ground)
        pen = ImageDraw.Draw(image)
        for row in range(10):
            y = 60 + row * 44
            pen.rectangle((80, y, 94, y + 14), outline=ink)
            if now["ticked"] == str(row):
                pen.line((83, y + 7, 86, y + 11, 92, y + 3), fill=ink, width=2)
            _text(pen, (110, y - 2), f"Option {row} of the program", fill=ink)
            pen.ellipse((560, y, 574, y + 14), outline=ink)
            if now["radio"] == str(row):
                pen.ellipse((564, y + 4, 570, y + 10), fill=ink)
            _text(pen, (590, y - 2), f"Mode {row}", fill=ink)
        pen.rounded_rectangle((900, 60, 940, 80), 10, fill="#0a84ff" if now["switch"] == "on" else soft)
        knob = 930 if now["switch"] == "on" else 910
        pen.ellipse((knob - 8, 62, knob + 8, 78), fill="#ffffff")
        pen.line((900, 140, 1180, 140), fill=soft, width=3)
        at = 900 + int(now["slider"]) * 4
        pen.ellipse((at - 7, 133, at + 7, 147), fill=ink)
        # Red and green of the same lightness: only the colour tells them apart.
        pen.ellipse((900, 200, 912, 212), fill="#c83232" if now["state"] == "bad" else "#2a8a2a")
        _text(pen, (930, 196), "State", fill=ink)
        _text(pen, (900, 240), f"{now['percent']} %", fill=ink, size=12)
        return image

    values = {
        "ticked": "3",
        "radio": "5",
        "switch": "on",
        "slider": "30",
        "state": "bad",
        "percent": _digits(rng, 2),
    }
    return Scene(
        name=f"settings{tag}",
        draw=draw,
        values=values,
        changes={
            "another box ticked": {"ticked": "4"},
            "no box ticked": {"ticked": ""},
            "another radio": {"radio": "6"},
            "switched off": {"switch": "off"},
            "slider one step": {"slider": "31"},
            "another colour": {"state": "good"},
            "a digit of the percent": {"percent": _other_digit(values["percent"], rng)},
        },
    )


def _table(rng: random.Random, tag: str) -> Scene:
    """Numbers in small type, a row selected."""
    rows = [[f"{rng.randint(0, 9)}{_digits(rng, 3)}.{_digits(rng, 1)}" for _ in range(8)] for _ in range(24)]
    size = rng.choice((10, 11, 12))
    row, column = rng.randint(0, 23), rng.randint(0, 7)

    def draw(now: Values) -> Image.Image:
        image = Image.new("RGB", SIZE, "#ffffff")
        pen = ImageDraw.Draw(image)
        for y, cells in enumerate(rows):
            if now["selected"] == str(y):
                pen.rectangle((40, 24 + y * 28, 1240, 51 + y * 28), fill="#e8f0fe")
            for x, cell in enumerate(cells):
                text = now["cell"] if (y, x) == (row, column) else cell
                _text(pen, (60 + x * 145, 30 + y * 28), text, size=size, face="DejaVuSansMono")
        return image

    cell = rows[row][column]
    return Scene(
        name=f"table{tag}",
        draw=draw,
        values={"cell": cell, "selected": "5"},
        changes={
            "a digit in a cell": {"cell": _other_digit(cell, rng)},
            "the point moved": {"cell": cell[:2] + "." + cell[2:].replace(".", "")},
            "the point gone": {"cell": cell.replace(".", " ")},
            "digits swapped": {"cell": _swapped(cell)},
            "another row selected": {"selected": "6"},
        },
    )


def _terminal(rng: random.Random, tag: str) -> Scene:
    """Light type on black."""
    lines = [
        f"{_digits(rng, 2)}:{_digits(rng, 2)} worker[{_digits(rng, 4)}]: {_digits(rng, 8)} ok"
        for _ in range(34)
    ]
    at = rng.randint(4, 30)
    size = rng.choice((12, 14))

    def draw(now: Values) -> Image.Image:
        image = Image.new("RGB", SIZE, "#0c0c0c")
        pen = ImageDraw.Draw(image)
        for y, line in enumerate(lines):
            text = now["line"] if y == at else line
            _text(pen, (16, 10 + y * 20), text, size=size, fill=rng_colour(y), face="DejaVuSansMono")
        return image

    def rng_colour(y: int) -> str:
        return ("#cccccc", "#16c60c", "#f9f1a5", "#767676")[y % 4]

    line = lines[at]
    return Scene(
        name=f"terminal{tag}",
        draw=draw,
        values={"line": line},
        changes={
            "a digit": {"line": _other_digit(line, rng)},
            "digits swapped": {"line": _swapped(line)},
            "a colon gone": {"line": line.replace("]:", "] ")},
            "one letter": {"line": line.replace(" ok", " oh")},
        },
    )


def _faint(rng: random.Random, tag: str) -> Scene:
    """Grey hints on white and white on colour: low contrast that can still be read."""
    code = _digits(rng, 6)

    def draw(now: Values) -> Image.Image:
        image = Image.new("RGB", SIZE, "#f7f7f7")
        pen = ImageDraw.Draw(image)
        for y, (label, grey) in enumerate((("Order", "#a0a0a0"), ("Box", "#b8b8b8"), ("Shelf", "#c8c8c8"))):
            pen.rectangle((100, 90 + y * 90, 700, 130 + y * 90), fill="#ffffff", outline="#cccccc")
            _text(pen, (116, 100 + y * 90), f"{label} {now[label]}", size=15, fill=grey)
        pen.rectangle((800, 90, 1180, 400), fill="#f5a623")
        _text(pen, (830, 120), f"Code {now['code']}", size=18, fill="#ffd9a0")
        pen.rectangle((800, 450, 1180, 600), fill="#808080")
        _text(pen, (830, 480), f"Level {now['level']}", size=16, fill="#a8a8a8")
        return image

    values = {
        "Order": code,
        "Box": code[::-1],
        "Shelf": _digits(rng, 5),
        "code": _digits(rng, 4),
        "level": _digits(rng, 3),
    }
    return Scene(
        name=f"faint{tag}",
        draw=draw,
        values=values,
        changes={
            f"a digit of {key}": {key: _other_digit(values[key], rng)}
            for key in ("Order", "Box", "Shelf", "code", "level")
        },
    )


def _photo(rng: random.Random, tag: str) -> Scene:
    """A page photographed: uneven light and grain under the print."""
    noise = Image.frombytes("L", SIZE, rng.randbytes(SIZE[0] * SIZE[1]))
    grain = noise.point(lambda value: 128 + (value - 128) // 6)
    light = Image.linear_gradient("L").resize(SIZE).point(lambda value: 150 + value // 4)
    paper = ImageChops.add(light, grain, scale=1.0, offset=-128).convert("RGB")
    lines = [f"Meter {_digits(rng, 2)} reads {_digits(rng, 5)} kWh" for _ in range(12)]
    at = rng.randint(1, 10)

    def draw(now: Values) -> Image.Image:
        image = paper.copy()
        pen = ImageDraw.Draw(image)
        for y, line in enumerate(lines):
            _text(pen, (140, 60 + y * 50), now["line"] if y == at else line, size=22, fill="#303030")
        return image

    return Scene(
        name=f"photo{tag}",
        draw=draw,
        values={"line": lines[at]},
        changes={
            "a digit": {"line": _other_digit(lines[at], rng)},
            "digits swapped": {"line": _swapped(lines[at])},
        },
    )
