"""ocr: pages in, their text, tables, boxes or values out."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, field_validator, model_validator
from pydantic_core import PydanticCustomError

from sightline.kinds.contract import (
    Call,
    Image,
    Item,
    Json,
    Outcome,
    Progress,
    Reply,
    StoredImage,
    UnusableOutput,
)
from sightline.kinds.images import ImageRef, check_count, media
from sightline.kinds.ocr import boxes, html, kie, markdown, prompt
from sightline.kinds.ocr.page import Reading
from sightline.kinds.repetition import settled_finish
from sightline.kinds.sampling import SamplingParams, sampling
from sightline.kinds.text import STORABLE, JsonObject, storable

DEFAULTS: Json = {"temperature": 0.0}
"""Greedy; no penalties, they damage tables; no max_tokens, for pages differ too much."""

MAX_FIELDS = 200
"""Most names or keys in `fields`."""

_Names = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=200), STORABLE]], Field(max_length=MAX_FIELDS)
]
_Template = Annotated[JsonObject, Field(max_length=MAX_FIELDS)]


class OcrInput(BaseModel):
    """Input of an ocr job."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "examples": [
                {"mode": "text", "images": [{"upload_id": "up_01JABCDEFGHJKMNPQRSTVWXYZ0"}]},
                {
                    "mode": "kie",
                    "images": [{"data": "data:image/png;base64,iVBORw0KGgo="}],
                    "fields": ["invoice_number", "total"],
                },
            ]
        },
    )

    images: list[ImageRef] = Field(description="The pages in order, at most 100.")
    mode: prompt.Mode = Field(default="text", description="What to read: see Outputs.")
    fields: (
        Annotated[
            Annotated[_Names, Tag("names")] | Annotated[_Template, Tag("template")],
            Discriminator(lambda value: "template" if isinstance(value, dict) else "names"),
        ]
        | None
    ) = Field(default=None, description="kie: the wanted names, or a JSON template with empty values.")

    @field_validator("images")
    @classmethod
    def _some_pages(cls, images: list[ImageRef]) -> list[ImageRef]:
        check_count(images)
        if not images:
            raise PydanticCustomError("image_required", "ocr needs at least one image")
        return images

    @model_validator(mode="after")
    def _fields_belong_to_kie(self) -> OcrInput:
        if self.fields is not None and self.mode != "kie":
            raise PydanticCustomError("fields_without_kie", "fields is for mode kie only")
        return self


class OcrParams(SamplingParams):
    """Parameters of an ocr job; by default greedy and without penalties, which damage tables."""


class Ocr:
    """The ocr kind."""

    name: ClassVar[str] = "ocr"
    Input: ClassVar[type[BaseModel]] = OcrInput
    Params: ClassVar[type[BaseModel]] = OcrParams
    defaults: ClassVar[Json] = DEFAULTS

    def image_refs(self, input: OcrInput) -> list[ImageRef]:
        """The pages."""
        return list(input.images)

    def bind(self, input: OcrInput, images: Sequence[StoredImage]) -> Json:
        """The stored input; see Kind.bind."""
        return {
            "mode": input.mode,
            "images": [media(image) for image in images],
            "fields": input.fields,
        }

    def cost(self, input: OcrInput | Json) -> int:
        """1 and one for each page."""
        return 1 + len(input["images"] if isinstance(input, dict) else input.images)

    def run(self, *, input: Json, params: Json, images: Sequence[Image]) -> Generator[Call, Reply, Outcome]:
        """One call a page; in boxes and kie one more, constrained, for a page whose answer is no JSON."""
        fields = sampling(params, DEFAULTS)
        pages: list[Json] = []
        finishes: list[str] = []
        unusable: list[str] = []
        told: _Told = ((), None)
        for number, image in enumerate(images, start=1):
            label = f"page {number} of {len(images)}"
            page = yield from _page(input, fields, image=image, number=number, label=label, told=told)
            finishes.append(page["finish"])
            if not page.pop("usable"):
                unusable.append(page["warnings"][-1])
            pages.append(page)
            told = _told(page, of=len(images))
        finish = _worst(finishes)
        if unusable and len(unusable) == len(pages) and finish == "stop":
            raise UnusableOutput(unusable[0])
        output = {"schema": "ocr/1", "mode": input["mode"], "pages": pages}
        return Outcome(
            output=storable(output),
            complete=finish == "stop" and not unusable,
            finish_reason=finish,
            items=told[0],
            progress=told[1],
        )


_Told = tuple[tuple[Item, ...], Progress | None]


def _told(page: Json, *, of: int) -> _Told:
    """What readers learn of a page that is done; a single page is no progress."""
    number = page["page"]
    item = Item(type="page", index=number - 1, data=storable(page))
    return (item,), Progress(done=number, total=of, unit="page") if of > 1 else None


def _worst(finishes: list[str]) -> str:
    return next((worst for worst in ("repetition", "length") if worst in finishes), "stop")


def _page(
    input: Json, fields: Json, *, image: Image, number: int, label: str, told: _Told
) -> Generator[Call, Reply, Json]:
    mode, wanted = input["mode"], input.get("fields")
    messages = prompt.messages(image=image.index, mode=mode, fields=wanted)
    items, progress = told
    reply = yield Call(messages=messages, sampling=fields, label=label, items=items, progress=progress)
    attempts = 1
    reading, problem = _read(mode, reply.text, wanted)
    if reading is None and settled_finish(reply.text, reply.finish) == "stop":
        schema = boxes.SCHEMA if mode == "boxes" else kie.schema(wanted)
        attempts = 2
        reply = yield Call(
            messages=messages,
            sampling=fields,
            structured_outputs={"json": schema},
            label=f"{label}, repair",
        )
        reading, problem = _read(mode, reply.text, wanted)
    finish = settled_finish(reply.text, reply.finish)
    usable = reading is not None
    if reading is None:
        reading = Reading(text=reply.text.strip(), warnings=[problem])
    return {
        "page": number,
        "width": image.width,
        "height": image.height,
        "text": reading.text,
        "markdown": reading.markdown,
        "html": reading.html,
        "blocks": [
            block.as_json(page=number, order=order, image=image) for order, block in enumerate(reading.blocks)
        ],
        "fields": reading.fields,
        "raw": _raw(reply.text, reading),
        "finish": finish,
        "attempts": attempts,
        "warnings": [*_finish_warnings(finish), *reading.warnings],
        "usable": usable,
    }


def _read(mode: prompt.Mode, text: str, wanted: prompt.Fields | None) -> tuple[Reading | None, str]:
    """(what was read, "") or (None, why not)."""
    try:
        if mode == "boxes":
            return boxes.read(text), ""
        if mode == "kie":
            return kie.read(text, wanted), ""
    except UnusableOutput as unusable:
        return None, unusable.message
    if mode == "markdown":
        return markdown.read(text), ""
    if mode == "html":
        return html.read(text), ""
    return Reading(text=text.strip()), ""


def _raw(text: str, reading: Reading) -> str | None:
    """What the model wrote; None where it stands in the page as it is, so that a text is not kept twice."""
    return None if text.strip() in (reading.text, reading.markdown, reading.html) else text


def _finish_warnings(finish: str) -> list[str]:
    told: dict[str, Any] = {
        "length": "the text was cut off at the token limit",
        "repetition": "the model fell into a loop and was stopped",
    }
    return [told[finish]] if finish in told else []
