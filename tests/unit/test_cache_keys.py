"""The canonical key: the same for every way to say a request, another for everything that can change its answer."""

import json
import random
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from sightline.api import strict_json
from sightline.cache import keys
from sightline.cache.options import CacheOptions, mode_of
from sightline.cache.values import Picture
from sightline.kinds.registry import KINDS

Json = dict[str, Any]
A, B = ("a" * 64, "b" * 64)
UPLOAD = {"upload_id": "up_1"}


def picture(digest: str = A, width: int = 640, height: int = 480) -> Picture:
    return Picture(pixel_sha256=digest, width=width, height=height)


def key(
    kind: str,
    input: Json,
    params: Json | None = None,
    *,
    pictures: Sequence[Picture] | None = None,
    **where: str,
) -> str:
    """The key of a request as the API would compute it."""
    made = KINDS[kind]
    inputs = made.Input.model_validate(input)
    given = made.Params.model_validate(params or {}).model_dump(mode="json", exclude_unset=True)
    refs = made.image_refs(inputs)
    place = {"model": "default", "revision": "r" * 12, "scope": "tenant:1", **where}
    found = [picture()] * len(refs) if pictures is None else pictures
    return keys.key(kind=made, inputs=inputs, params=given, pictures=found, **place)


GUI: Json = {"instruction": "Save the file", "images": [UPLOAD]}
OCR: Json = {"images": [UPLOAD, UPLOAD]}
KIE: Json = {"images": [UPLOAD], "mode": "kie", "fields": ["total"]}
CHAT: Json = {"prompt": "Hello"}


def said(*parts: Json, role: str = "user", **more: Any) -> Json:
    content: Any = list(parts) or "Hello"
    return {"messages": [{"role": role, "content": content, **more}]}


def calling(**call: Any) -> Json:
    made = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}, **call}
    return {"messages": [{"role": "assistant", "content": "x", "tool_calls": [made]}]}


def tool(**more: Any) -> Json:
    return {"tools": [{"type": "function", "function": {"name": "f", **more}}]}


def shaped(**more: Any) -> Json:
    schema = {"name": "s", "schema": {"type": "object"}, **more}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


IMAGE: Json = {"type": "image_url", "image_url": UPLOAD}
TEXT: Json = {"type": "text", "text": "Hello"}

VARIED: Mapping[str, tuple[tuple[str, Json, Json], tuple[str, Json, Json]]] = {
    "GuiInput.instruction": (("gui", GUI, {}), ("gui", {**GUI, "instruction": "Save the file "}, {})),
    "GuiInput.tool": (("gui", GUI, {}), ("gui", {**GUI, "tool": "mobile_use"}, {})),
    "GuiInput.history": (("gui", GUI, {}), ("gui", {**GUI, "history": ["Opened it"]}, {})),
    "OcrInput.images": (("ocr", OCR, {}), ("ocr", {"images": [UPLOAD]}, {})),
    "OcrInput.mode": (("ocr", OCR, {}), ("ocr", {**OCR, "mode": "markdown"}, {})),
    "OcrInput.fields": (("ocr", KIE, {}), ("ocr", {**KIE, "fields": ["date"]}, {})),
    "ChatInput.messages": (("chat", said(), {}), ("chat", said(TEXT, TEXT), {})),
    "ChatInput.prompt": (("chat", CHAT, {}), ("chat", {"prompt": "Hello!"}, {})),
    "ChatInput.images": (("chat", CHAT, {}), ("chat", {**CHAT, "images": [UPLOAD]}, {})),
    "TextPart.text": (("chat", said(TEXT), {}), ("chat", said({**TEXT, "text": "Bye"}), {})),
    "ImagePart.image_url": (("chat", said(TEXT), {}), ("chat", said(TEXT, IMAGE), {})),
    "SystemMessage.role": (
        ("chat", said(role="system"), {}),
        ("chat", said(role="developer"), {}),
    ),
    "SystemMessage.content": (
        ("chat", said(role="system"), {}),
        ("chat", said(TEXT, TEXT, role="system"), {}),
    ),
    "SystemMessage.name": (("chat", said(role="system"), {}), ("chat", said(role="system", name="n"), {})),
    "UserMessage.content": (("chat", said(), {}), ("chat", said(TEXT, TEXT), {})),
    "UserMessage.name": (("chat", said(), {}), ("chat", said(name="n"), {})),
    "AssistantMessage.content": (
        ("chat", said(role="assistant"), {}),
        ("chat", said(TEXT, TEXT, role="assistant"), {}),
    ),
    "AssistantMessage.tool_calls": (("chat", said(role="assistant"), {}), ("chat", calling(), {})),
    "AssistantMessage.name": (
        ("chat", said(role="assistant"), {}),
        ("chat", said(role="assistant", name="n"), {}),
    ),
    "ToolMessage.content": (
        ("chat", said(role="tool", tool_call_id="1"), {}),
        ("chat", said(TEXT, TEXT, role="tool", tool_call_id="1"), {}),
    ),
    "ToolMessage.tool_call_id": (
        ("chat", said(role="tool", tool_call_id="1"), {}),
        ("chat", said(role="tool", tool_call_id="2"), {}),
    ),
    "ToolMessage.name": (
        ("chat", said(role="tool", tool_call_id="1"), {}),
        ("chat", said(role="tool", tool_call_id="1", name="n"), {}),
    ),
    "ToolCall.id": (("chat", calling(), {}), ("chat", calling(id="2"), {})),
    "ToolCall.function": (
        ("chat", calling(), {}),
        ("chat", calling(function={"name": "f", "arguments": '{"a": 1}'}), {}),
    ),
    "ToolCall.index": (("chat", calling(), {}), ("chat", calling(index=1), {})),
    "FunctionCall.name": (
        ("chat", calling(), {}),
        ("chat", calling(function={"name": "g", "arguments": "{}"}), {}),
    ),
    "FunctionCall.arguments": (
        ("chat", calling(), {}),
        ("chat", calling(function={"name": "f", "arguments": "{ }"}), {}),
    ),
    "PixelBudget.min": (("ocr", OCR, {}), ("ocr", OCR, {"pixels": {"min": 2048}})),
    "PixelBudget.max": (("ocr", OCR, {}), ("ocr", OCR, {"pixels": {"max": 2048}})),
    "Params.max_tokens": (("ocr", OCR, {}), ("ocr", OCR, {"max_tokens": 5})),
    "Params.temperature": (("ocr", OCR, {}), ("ocr", OCR, {"temperature": 0.5})),
    "Params.top_p": (("ocr", OCR, {}), ("ocr", OCR, {"top_p": 0.5})),
    "Params.top_k": (("ocr", OCR, {}), ("ocr", OCR, {"top_k": 5})),
    "Params.min_p": (("ocr", OCR, {}), ("ocr", OCR, {"min_p": 0.5})),
    "Params.seed": (("ocr", OCR, {}), ("ocr", OCR, {"seed": 0})),
    "Params.stop": (("ocr", OCR, {}), ("ocr", OCR, {"stop": "."})),
    "Params.repetition_penalty": (("ocr", OCR, {}), ("ocr", OCR, {"repetition_penalty": 1.1})),
    "Params.presence_penalty": (("ocr", OCR, {}), ("ocr", OCR, {"presence_penalty": 1})),
    "Params.frequency_penalty": (("ocr", OCR, {}), ("ocr", OCR, {"frequency_penalty": 1})),
    "Params.pixels": (("ocr", OCR, {}), ("ocr", OCR, {"pixels": {"max": 2048}})),
    "Params.response_format": (
        ("chat", CHAT, {}),
        ("chat", CHAT, {"response_format": {"type": "json_object"}}),
    ),
    "Params.tools": (("chat", CHAT, {}), ("chat", CHAT, tool())),
    "Params.tool_choice": (("chat", CHAT, tool()), ("chat", CHAT, {**tool(), "tool_choice": "required"})),
    "TextFormat.type": (
        ("chat", CHAT, {"response_format": {"type": "json_object"}}),
        ("chat", CHAT, {"response_format": {"type": "text"}}),
    ),
    "JsonFormat.type": (
        ("chat", CHAT, {"response_format": {"type": "text"}}),
        ("chat", CHAT, {"response_format": {"type": "json_object"}}),
    ),
    "SchemaFormat.type": (("chat", CHAT, {"response_format": {"type": "text"}}), ("chat", CHAT, shaped())),
    "SchemaFormat.json_schema": (("chat", CHAT, shaped()), ("chat", CHAT, shaped(schema={"type": "array"}))),
    "JsonSchema.name": (("chat", CHAT, shaped()), ("chat", CHAT, shaped(name="t"))),
    "JsonSchema.description": (("chat", CHAT, shaped()), ("chat", CHAT, shaped(description="d"))),
    "JsonSchema.schema_": (("chat", CHAT, shaped()), ("chat", CHAT, shaped(schema={"type": "array"}))),
    "JsonSchema.strict": (("chat", CHAT, shaped()), ("chat", CHAT, shaped(strict=True))),
    "NamedTool.function": (
        ("chat", CHAT, {**tool(), "tool_choice": "auto"}),
        ("chat", CHAT, {**tool(), "tool_choice": {"type": "function", "function": {"name": "f"}}}),
    ),
    "ToolSpec.function": (("chat", CHAT, tool()), ("chat", CHAT, tool(description="d"))),
    "FunctionSpec.name": (("chat", CHAT, tool()), ("chat", CHAT, tool(name="g"))),
    "FunctionSpec.description": (("chat", CHAT, tool()), ("chat", CHAT, tool(description="d"))),
    "FunctionSpec.parameters": (("chat", CHAT, tool()), ("chat", CHAT, tool(parameters={"type": "object"}))),
    "FunctionSpec.strict": (("chat", CHAT, tool()), ("chat", CHAT, tool(strict=True))),
}
"""Two requests that differ in one field alone."""

HARMLESS = {
    # How an image came: its pixels count, which the tests of pictures below change.
    *("GuiInput.images", "ImageRef.upload_id", "ImageRef.data", "ImageRef.url"),
    *("ImageAddress.upload_id", "ImageAddress.url"),
    # Accepted and without effect: `bind` drops them.
    *("ImageRef.detail", "ImageAddress.detail"),
    *(f"AssistantMessage.{name}" for name in ("refusal", "reasoning", "reasoning_content", "annotations")),
    # Nothing but null may be said.
    *("AssistantMessage.audio", "AssistantMessage.function_call", "ChatInput.video", "VideoPart.video_url"),
    # One word each, which says what the object around it is.
    *("TextPart.type", "ImagePart.type", "VideoPart.type", "UserMessage.role", "AssistantMessage.role"),
    *("ToolMessage.role", "ToolCall.type", "NamedTool.type", "ToolSpec.type"),
    # The function that NamedTool.function names: it must be one of the tools.
    "NamedFunction.name",
}
"""Fields that no answer depends on."""


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Every model that a type mentions."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from models(field.annotation)
    elif get_origin(annotation) in (Annotated, Union, types.UnionType, list, dict, tuple):
        for part in get_args(annotation):
            yield from models(part)


def fields() -> set[str]:
    """`Model.field` of everything that the kinds accept; parameters of all kinds are `Params`."""
    found = set()
    for kind in KINDS.values():
        for top in (kind.Input, kind.Params):
            for model in models(top):
                name = "Params" if model is kind.Params else model.__name__
                found |= {f"{name}.{field}" for field in model.model_fields}
    return found


def test_every_field_of_every_kind_is_known_to_these_tests() -> None:
    """A field that is new here needs two requests that differ in it, or a reason why no answer depends on it."""
    assert fields() == VARIED.keys() | HARMLESS
    assert not VARIED.keys() & HARMLESS


@pytest.mark.parametrize("field", VARIED)
def test_the_key_differs_for_every_field_that_can_change_an_answer(field: str) -> None:
    one, other = (key(*request) for request in VARIED[field])
    assert one != other


@pytest.mark.parametrize("where", ["model", "revision", "scope"])
def test_the_key_differs_by_model_revision_and_tenant(where: str) -> None:
    assert key("gui", GUI) != key("gui", GUI, **{where: "another-one!"})
    assert keys.revision_of(key("gui", GUI, revision="another-one!")) == "another-one!"


def test_the_key_differs_by_kind() -> None:
    same: Json = {"images": [UPLOAD]}
    assert key("ocr", same) != key("chat", {**same, "prompt": "x"})


@pytest.mark.parametrize(
    "other", [picture(B), picture(width=320), picture(height=481)], ids=["pixels", "width", "height"]
)
def test_the_key_differs_by_what_the_pictures_show(other: Picture) -> None:
    assert key("gui", GUI) != key("gui", GUI, pictures=[other])


def test_the_order_of_pictures_counts() -> None:
    pair = [picture(A), picture(B)]
    assert key("ocr", OCR, pictures=pair) != key("ocr", OCR, pictures=pair[::-1])


def test_the_key_differs_by_the_code_of_the_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    before = key("gui", GUI)
    monkeypatch.setattr(keys, "code", lambda: "changed")
    assert key("gui", GUI) != before


def test_free_json_is_compared_as_the_model_reads_it() -> None:
    """A template's order and spelling reach the prompt, so they may change the answer."""
    template: Json = {"images": [UPLOAD], "mode": "kie"}
    one = key("ocr", {**template, "fields": {"total": "", "date": ""}})
    assert one != key("ocr", {**template, "fields": {"date": "", "total": ""}})


def test_a_free_json_that_looks_like_a_picture_is_still_told_apart() -> None:
    template: Json = {"images": [UPLOAD], "mode": "kie"}
    one = key("ocr", {**template, "fields": {"media": {"sha256": "x"}}})
    assert one != key("ocr", {**template, "fields": {"media": {"sha256": "y"}}})


def test_a_key_fits_its_column_and_begins_with_its_revision() -> None:
    assert len(key("gui", GUI)) == 56
    assert keys.revision_of(key("gui", GUI)) == "r" * 12


def test_the_prompt_key_leaves_out_pictures_alone() -> None:
    def prompt_key(input: Json, digest: str) -> str:
        kind = KINDS["gui"]
        inputs = kind.Input.model_validate(input)
        return keys.prompt_key(
            kind=kind,
            inputs=inputs,
            params={},
            pictures=[picture(digest)],
            model="m",
            revision="r",
            scope="s",
        )

    assert prompt_key(GUI, A) == prompt_key(GUI, B)
    assert prompt_key(GUI, A) != prompt_key({**GUI, "instruction": "Open it"}, A)


# --- the same request, said otherwise ----------------------------------------------------------------------------

PARAMS = st.fixed_dictionaries(
    {},
    optional={
        "max_tokens": st.integers(1, 9999),
        "temperature": st.sampled_from([0, 0.0, 0.5, 1, 1.0, 2.0]),
        "top_p": st.sampled_from([0.25, 1, 1.0]),
        "presence_penalty": st.sampled_from([-2, 0, 1.5]),
        "seed": st.integers(-9, 9),
        "stop": st.lists(st.text(min_size=1, max_size=3, alphabet="abc."), max_size=2),
        "pixels": st.fixed_dictionaries({}, optional={"max": st.integers(1024, 10_000)}),
    },
)
INPUTS = st.one_of(
    st.tuples(
        st.just("gui"),
        st.fixed_dictionaries(
            {
                "instruction": st.text(min_size=1, max_size=20, alphabet="aé \n🙂"),
                "images": st.just([UPLOAD]),
            },
            optional={
                "tool": st.sampled_from(["computer_use", "mobile_use"]),
                "history": st.lists(st.text(max_size=5, alphabet="ab"), max_size=3),
            },
        ),
    ),
    st.tuples(
        st.just("ocr"),
        st.fixed_dictionaries(
            {"images": st.lists(st.just(UPLOAD), min_size=1, max_size=3)},
            optional={"mode": st.sampled_from(["text", "markdown", "html", "boxes"])},
        ),
    ),
    st.tuples(
        st.just("chat"),
        st.fixed_dictionaries({"prompt": st.text(min_size=1, max_size=20, alphabet="aé \n🙂")}),
    ),
)


def respelled(value: Any, dice: random.Random) -> str:
    """The same value as other JSON: keys shuffled, numbers and characters spelled otherwise, white space anywhere."""
    gap = dice.choice(["", " ", "\n\t", "  "])
    match value:
        case dict():
            items = list(value.items())
            dice.shuffle(items)
            inner = f",{gap}".join(f"{json.dumps(name)}{gap}:{respelled(item, dice)}" for name, item in items)
            return f"{{{gap}{inner}{gap}}}"
        case list():
            return f"[{gap}" + f"{gap},".join(respelled(item, dice) for item in value) + f"{gap}]"
        case float():
            return dice.choice([repr(value), f"{value:.3f}", f"{value * 10:.3f}e-1", f"{value:e}"])
        case str():
            return json.dumps(value, ensure_ascii=dice.random() < 0.5)
        case _:
            return json.dumps(value)


@settings(max_examples=300)
@given(request=INPUTS, params=PARAMS, dice=st.randoms(use_true_random=False))
def test_the_key_is_stable_under_key_order_white_space_and_spelling(
    request: tuple[str, Json], params: Json, dice: random.Random
) -> None:
    kind, input = request
    again = strict_json.loads(respelled({"input": input, "params": params}, dice).encode())
    assert key(kind, again["input"], again["params"]) == key(kind, input, params)


@settings(max_examples=100)
@given(request=INPUTS, params=PARAMS)
def test_a_default_that_is_written_down_is_the_default(request: tuple[str, Json], params: Json) -> None:
    kind, input = request
    written = {**KINDS[kind].defaults, **params}
    assert key(kind, input, written) == key(kind, input, params)
    nulls: Json = {name: None for name in KINDS[kind].Params.model_fields if name not in params}
    assert key(kind, input, {**params, **nulls}) == key(kind, input, params)


def test_both_forms_of_a_chat_and_every_route_of_a_picture_are_one_request() -> None:
    short = {"prompt": "Hello", "images": [UPLOAD]}
    data = {"data": "data:image/png;base64,AAAA", "detail": "high"}
    assert key("chat", short) == key("chat", {**short, "images": [data]})
    assert key("gui", GUI) == key("gui", {**GUI, "images": [{"url": "https://example.com/a.png"}]})
    assert key("gui", GUI) == key("gui", {**GUI, "tool": "computer_use", "history": []})
    assert key("ocr", OCR, {"stop": "."}) == key("ocr", OCR, {"stop": ["."]})
    assert key("ocr", OCR, {"pixels": {}}) == key("ocr", OCR)


# --- which mode a job gets ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "params", "asked", "mode"),
    [
        ("gui", {}, None, "exact"),
        ("ocr", {}, None, "exact"),
        ("ocr", {"temperature": 0.1}, None, ""),
        ("chat", {}, None, ""),
        ("chat", {"temperature": 0.0}, None, "exact"),
        ("chat", {"seed": 0}, None, "exact"),
        ("chat", {}, "exact", "exact"),
        ("chat", {}, "refresh", "refresh"),
        ("gui", {}, "off", ""),
        ("gui", {}, "near", "near"),
    ],
)
def test_deterministic_jobs_use_the_cache_and_others_when_they_ask(
    kind: str, params: Json, asked: Literal["exact", "near", "off", "refresh"] | None, mode: str
) -> None:
    options = CacheOptions(mode=asked) if asked else CacheOptions(ttl_s=60)
    assert mode_of(options, kind=KINDS[kind], params=params) == mode
