"""gui: one screenshot and an instruction in, one action with its pixels out."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from sightline.kinds.contract import Call, Image, Item, Json, Outcome, Reply, StoredImage, UnusableOutput
from sightline.kinds.coordinates import GRID, MOBILE_GRID, place
from sightline.kinds.gui import prompt
from sightline.kinds.gui.actions import POINTS, call_schema
from sightline.kinds.gui.answer import Answer, parse, repair_request
from sightline.kinds.images import ImageRef, check_count, media
from sightline.kinds.repetition import settled_finish
from sightline.kinds.sampling import SamplingParams, sampling
from sightline.kinds.text import STORABLE, storable

DEFAULTS: Json = {"max_tokens": 512, "temperature": 0.0}
"""Greedy and without penalties: a coordinate is not a matter of taste."""

BAD_ANSWER_LIMIT = 2000
"""Characters of a bad answer that the repair call shows again; the rest would eat the context."""


class GuiInput(BaseModel):
    """Input of a gui job."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "examples": [
                {
                    "tool": "computer_use",
                    "instruction": "Save the file",
                    "images": [{"upload_id": "up_01JABCDEFGHJKMNPQRSTVWXYZ0"}],
                    "history": ["Opened the editor"],
                }
            ]
        },
    )

    instruction: Annotated[str, Field(min_length=1, max_length=16_000), STORABLE] = Field(
        description="What the user wants done."
    )
    images: list[ImageRef] = Field(description="Exactly one screenshot.")
    tool: Literal["computer_use", "mobile_use"] = Field(
        default="computer_use", description="The actions to choose from."
    )
    history: list[Annotated[str, Field(max_length=4000), STORABLE]] = Field(
        default_factory=list, max_length=200, description="What was done so far, oldest first."
    )

    @field_validator("images")
    @classmethod
    def _one_screenshot(cls, images: list[ImageRef]) -> list[ImageRef]:
        check_count(images, 1)
        if not images:
            raise PydanticCustomError("image_required", "gui needs exactly one screenshot")
        return images


class GuiParams(SamplingParams):
    """Parameters of a gui job; by default greedy, at most 512 tokens."""


class Gui:
    """The gui kind."""

    name: ClassVar[str] = "gui"
    Input: ClassVar[type[BaseModel]] = GuiInput
    Params: ClassVar[type[BaseModel]] = GuiParams
    defaults: ClassVar[Json] = DEFAULTS

    def image_refs(self, input: GuiInput) -> list[ImageRef]:
        """The screenshot."""
        return list(input.images)

    def bind(self, input: GuiInput, images: Sequence[StoredImage]) -> Json:
        """The stored input; see Kind.bind."""
        return {
            "tool": input.tool,
            "instruction": input.instruction,
            "images": [media(image) for image in images],
            "history": list(input.history),
        }

    def cost(self, input: GuiInput | Json) -> int:
        """Always 2: one call, one image."""
        return 2

    def run(self, *, input: Json, params: Json, images: Sequence[Image]) -> Generator[Call, Reply, Outcome]:
        """One call; when its answer is no action, one more, constrained to the tool's schema."""
        tool: prompt.Tool = input["tool"]
        image = images[0]
        messages = prompt.messages(
            image=image.index,
            tool=tool,
            instruction=input["instruction"],
            history=input.get("history") or (),
        )
        fields = sampling(params, DEFAULTS)
        reply = yield Call(messages=messages, sampling=fields, label="action")
        try:
            answer = parse(reply.text, tool, reply.tool_calls)
        except UnusableOutput as unusable:
            repair = [
                *messages,
                {"role": "assistant", "content": reply.text[:BAD_ANSWER_LIMIT]},
                {"role": "user", "content": repair_request(unusable.message, tool)},
            ]
            reply = yield Call(
                messages=repair,
                sampling=fields,
                structured_outputs={"json": call_schema(tool)},
                label="repair",
            )
            return _repaired(reply, tool=tool, image=image)
        return _outcome(answer, reply, tool=tool, image=image, repaired=False)


def _repaired(reply: Reply, *, tool: prompt.Tool, image: Image) -> Outcome:
    try:
        answer = parse(reply.text, tool, reply.tool_calls)
    except UnusableOutput:
        # Cut off or looping is an end of its own; a whole answer that is no action is the model's failure.
        if settled_finish(reply.text, reply.finish) not in ("length", "repetition"):
            raise
        return _outcome(None, reply, tool=tool, image=image, repaired=True)
    return _outcome(answer, reply, tool=tool, image=image, repaired=True)


def _outcome(
    answer: Answer | None, reply: Reply, *, tool: prompt.Tool, image: Image, repaired: bool
) -> Outcome:
    finish = settled_finish(reply.text, reply.finish)
    arguments = answer.arguments if answer else None
    output = {
        "schema": "gui_action/1",
        "tool": tool,
        "thought": (answer.thought if answer else None) or (reply.reasoning or None),
        "description": answer.description if answer else None,
        "arguments": arguments,
        "resolved": _resolved(arguments or {}, tool=tool, image=image),
        "done": arguments["status"] if arguments and arguments["action"] == "terminate" else None,
        "repaired": repaired,
        "warnings": list(answer.warnings) if answer else ["the answer holds no whole tool call"],
        "raw": reply.text,
    }
    output = storable(output)
    return Outcome(
        output=output,
        complete=finish in ("stop", "tool_calls"),
        finish_reason="stop" if finish == "tool_calls" else finish,
        items=(Item(type="action", index=0, data=output),) if answer else (),
    )


def _resolved(arguments: dict[str, Any], *, tool: prompt.Tool, image: Image) -> Json:
    """Image size, divisor, and each point normalised and in pixels; the raw values are the arguments."""
    divisor = MOBILE_GRID if tool == "mobile_use" else GRID
    resolved: Json = {
        "image": {"width": image.width, "height": image.height},
        "divisor": divisor,
        "point_px": None,
        "point_norm": None,
        "clamped": False,
    }
    for name in POINTS:
        if name in arguments:
            placed = place(arguments[name], width=image.width, height=image.height, divisor=divisor)
            prefix = "point" if name == "coordinate" else "point2"
            resolved[f"{prefix}_px"] = list(placed.pixels)
            resolved[f"{prefix}_norm"] = list(placed.normalised)
            resolved["clamped"] = resolved["clamped"] or placed.clamped
    return resolved
