"""The requests that are sent: the same job as the platform takes it, and as its engine gets it."""

import base64
import io
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sightline.kinds.contract import Call, Image, StoredImage
from sightline.kinds.registry import KINDS
from sightline_workers.engines.contract import EngineRequest
from sightline_workers.engines.openai_http import _body
from sightline_workers.messages import render

WORDS = ("meter", "harbour", "copper", "signal", "lantern", "quartz", "meadow", "violet", "ember", "atlas")


@dataclass(frozen=True, kw_only=True)
class Picture:
    """An encoded image."""

    data: bytes
    mime: str
    width: int
    height: int

    @property
    def uri(self) -> str:
        return f"data:{self.mime};base64,{base64.b64encode(self.data).decode()}"


@dataclass(frozen=True, kw_only=True)
class Task:
    """One job to send."""

    kind: str
    input: dict[str, Any]
    """The kind's input without its image."""
    params: dict[str, Any]
    picture: Picture | None = None

    def native(self, upload_id: str | None = None) -> bytes:
        """Body of `POST /api/v1/jobs`; with the picture in it unless an upload stands for it."""
        given = dict(self.input)
        if self.picture is not None:
            given["images"] = [{"upload_id": upload_id} if upload_id else {"data": self.picture.uri}]
        return json.dumps({"kind": self.kind, "input": given, "params": self.params}).encode()

    def engine(self, model: str) -> bytes:
        """Body of the engine's `POST /v1/chat/completions`, as the worker sends it for this job."""
        call = self._call()
        picture = self.picture

        def load(index: int) -> tuple[bytes, str]:
            assert picture is not None
            return picture.data, picture.mime

        request = EngineRequest(
            model=model,
            messages=render(call.messages, load),
            sampling=call.sampling,
            priority=0,
            timeout_s=300.0,
            request_id="bench",
            structured_outputs=call.structured_outputs,
            response_format=call.response_format,
            tools=call.tools,
        )
        return json.dumps(_body(request), separators=(",", ":")).encode()

    def plain(self, model: str) -> bytes:
        """The same as somebody sends it who calls the engine himself: answered in one piece, without our extras."""
        body = json.loads(self.engine(model))
        for name in ("stream", "stream_options", "priority"):
            body.pop(name, None)
        return json.dumps(body, separators=(",", ":")).encode()

    def _call(self) -> Call:
        kind = KINDS[self.kind]
        given, stored, images = dict(self.input), [], []
        if self.picture is not None:
            size = {"width": self.picture.width, "height": self.picture.height}
            given["images"] = [{"data": self.picture.uri}]
            stored = [StoredImage(sha256="0" * 64, mime=self.picture.mime, **size)]
            images = [Image(index=0, **size)]
        bound = kind.bind(kind.Input.model_validate(given), stored)
        return next(kind.run(input=bound, params=self.params, images=images))


def prompt(tokens: int, seed: int) -> str:
    """A question of about so many tokens; different for each seed."""
    chance = random.Random(seed)
    return f"Question {seed}. " + " ".join(chance.choice(WORDS) for _ in range(tokens - 4))


def chat(
    picture: Picture | None,
    *,
    seed: int,
    tokens: int = 256,
    max_tokens: int = 64,
    more: dict[str, Any] | None = None,
) -> Task:
    """A chat about a picture; `more`: further parameters."""
    return Task(
        kind="chat",
        input={"prompt": prompt(tokens, seed)},
        params={"max_tokens": max_tokens, **(more or {})},
        picture=picture,
    )


def ocr(picture: Picture, *, max_tokens: int = 64) -> Task:
    return Task(kind="ocr", input={"mode": "text"}, params={"max_tokens": max_tokens}, picture=picture)


def gui(picture: Picture, *, instruction: str = "Click Save", max_tokens: int = 128) -> Task:
    given = {"instruction": instruction, "tool": "computer_use"}
    return Task(kind="gui", input=given, params={"max_tokens": max_tokens}, picture=picture)


def screens(count: int, *, seed: int = 1) -> list[Picture]:
    """Drawn 1080p screens as JPEG, each different."""
    from PIL import Image as Canvas
    from PIL import ImageDraw

    chance = random.Random(seed)
    found = []
    for number in range(count):
        canvas = Canvas.new("RGB", (1920, 1080), (238, 240, 244))
        draw = ImageDraw.Draw(canvas)
        for _ in range(60):
            x, y = chance.randrange(1700), chance.randrange(1000)
            fill = tuple(chance.randrange(256) for _ in range(3))
            draw.rectangle((x, y, x + chance.randrange(20, 220), y + chance.randrange(16, 80)), fill=fill)
            draw.text((x + 6, y + 4), " ".join(chance.choices(WORDS, k=3)), fill=(20, 20, 20), font_size=18)
        draw.text((20, 20), f"Screen {number}", fill=(0, 0, 0), font_size=32)
        found.append(_encoded(canvas, "JPEG", "image/jpeg"))
    return found


def demo_like(count: int, *, seed: int = 1) -> list[Task]:
    """Jobs of the three kinds in turn, each on a picture of its own that the shipped model can read."""
    from sightline_workers.models.drawing import Control, PageStyle, WindowStyle, draw_page, draw_window

    chance = random.Random(seed)
    tasks = []
    for number in range(count):
        words = [chance.choice(WORDS).title() for _ in range(3)]
        page = draw_page([f"{word} {chance.randrange(1000)}" for word in words], PageStyle())
        match ("gui", "chat", "ocr")[number % 3]:
            case "gui":
                places = [(32, 64), (192, 64), (32, 128)]
                labels = chance.sample(("Open", "Save", "Print", "Close"), 3)
                buttons = [Control(label=label, at=at) for label, at in zip(labels, places, strict=True)]
                window = draw_window(buttons, WindowStyle(title=words[0][:8]))
                tasks.append(gui(_encoded(window.image), instruction=f"Click {labels[0]}", max_tokens=96))
            case "chat":
                given = {"prompt": "What does it say?"}
                params = {"max_tokens": 48, "temperature": 0}
                picture = _encoded(page.image)
                tasks.append(Task(kind="chat", input=given, params=params, picture=picture))
            case "ocr":
                tasks.append(ocr(_encoded(page.image), max_tokens=48))
    return tasks


def by_kind(tasks: Sequence[Task], kind: str) -> list[Task]:
    return [task for task in tasks if task.kind == kind]


def _encoded(canvas: Any, form: str = "PNG", mime: str = "image/png") -> Picture:
    buffer = io.BytesIO()
    canvas.save(buffer, form)
    return Picture(data=buffer.getvalue(), mime=mime, width=canvas.width, height=canvas.height)
