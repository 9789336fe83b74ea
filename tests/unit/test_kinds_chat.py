"""The chat kind: OpenAI's messages in, OpenAI's chat.completion out."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sightline.kinds.chat.completion import split_reasoning
from sightline.kinds.chat.kind import Chat, ChatInput
from sightline.kinds.chat.params import ChatParams
from sightline.kinds.contract import Image, Reply, StoredImage, Usage
from sightline.kinds.images import bound_media
from sightline.kinds.pointers import pointer

DATA = "data:image/png;base64,iVBORw0KGgo="
CONVERSATION = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": DATA, "detail": "high"}},
                {"type": "text", "text": "What is it?"},
            ],
        },
        {"role": "assistant", "content": "A cat.", "refusal": None, "annotations": []},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "And these?"},
                {"type": "image_url", "image_url": {"upload_id": "up_2"}},
                {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
            ],
        },
    ]
}


def stored_images(count):
    return [StoredImage(sha256=f"{n}", width=10, height=10, mime="image/png") for n in range(count)]


def run(stored, reply, params=None):
    """The outcome and the call of a run that is answered with `reply`."""
    images = [Image(index=n, width=10, height=10) for n in range(len(bound_media(stored)))]
    steps = Chat().run(input=stored, params=params or {}, images=images)
    call = next(steps)
    with pytest.raises(StopIteration) as end:
        steps.send(reply)
    return end.value.value, call


def test_a_conversation_keeps_its_order_and_its_images_are_numbered():
    given_input = ChatInput.model_validate(CONVERSATION)
    refs = Chat().image_refs(given_input)
    assert [(ref.data, ref.upload_id, ref.url) for ref in refs] == [
        (DATA, None, None),
        (None, "up_2", None),
        (None, None, "https://example.com/a.png"),
    ]
    stored = Chat().bind(given_input, stored_images(3))
    assert json.loads(json.dumps(stored)) == stored
    assert [media["sha256"] for media in bound_media(stored)] == ["0", "1", "2"]
    assert stored["messages"][2] == {"role": "assistant", "content": "A cat."}
    _, call = run(stored, Reply(text="Dogs.", finish="stop"))
    assert call.messages[1]["content"] == [
        {"type": "image", "index": 0},
        {"type": "text", "text": "What is it?"},
    ]
    assert [part.get("index") for part in call.messages[3]["content"]] == [None, 1, 2]
    assert call.sampling == {"temperature": 0.7, "top_p": 0.8, "top_k": 20}


def test_the_short_form_becomes_one_user_message_with_its_images_first():
    given_input = ChatInput.model_validate({"prompt": "What is it?", "images": [{"data": DATA}]})
    stored = Chat().bind(given_input, stored_images(1))
    _, call = run(stored, Reply(text="A cat.", finish="stop"))
    assert call.messages == [
        {"role": "user", "content": [{"type": "image", "index": 0}, {"type": "text", "text": "What is it?"}]}
    ]
    assert Chat().bind(ChatInput.model_validate({"prompt": "Hi"}), []) == {
        "messages": [{"role": "user", "content": "Hi"}]
    }


def test_a_tool_call_survives_in_and_out():
    call = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": "Look"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "nothing"},
    ]
    stored = Chat().bind(ChatInput.model_validate({"messages": messages}), [])
    assert stored["messages"][1] == {"role": "assistant", "tool_calls": [call]}
    outcome, _ = run(stored, Reply(text="", finish="tool_calls", tool_calls=(call,)))
    assert outcome.complete
    choice = outcome.output["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["tool_calls"] == [call]
    assert choice["message"]["content"] is None


def test_the_output_is_a_chat_completion():
    reply = Reply(
        text="<think>\nfur\n</think>\n\nA cat.",
        finish="stop",
        usage=Usage(input_tokens=10, image_tokens=6, output_tokens=4),
        model="default",
    )
    outcome, _ = run({"messages": [{"role": "user", "content": "Hi"}]}, reply)
    output = dict(outcome.output)
    assert output.pop("id").startswith("chatcmpl-")
    assert output.pop("created") > 0
    assert output == {
        "object": "chat.completion",
        "model": "default",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "A cat.", "refusal": None, "reasoning": "fur"},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14},
    }


@pytest.mark.parametrize(
    ("text", "finish", "told", "reason"),
    [
        ("half a sent", "length", "length", "length"),
        ("ha " * 4000, "length", "length", "repetition"),
        ("ha ha", "repetition", "length", "repetition"),
    ],
)
def test_text_that_was_cut_off_or_looped_is_incomplete(text, finish, told, reason):
    outcome, _ = run({"messages": [{"role": "user", "content": "Hi"}]}, Reply(text=text, finish=finish))
    assert not outcome.complete
    assert outcome.finish_reason == reason
    assert outcome.output["choices"][0]["finish_reason"] == told


@pytest.mark.parametrize(
    ("text", "split"),
    [
        ("A cat.", (None, "A cat.")),
        ("<think>fur</think>A cat.", ("fur", "A cat.")),
        ("fur\n</think>\n\nA cat.", ("fur", "A cat.")),
        ("<think>\n\n</think>\n\nA cat.", (None, "A cat.")),
        ("<think>\nfur and", ("fur and", "")),
        ("", (None, "")),
    ],
)
def test_reasoning_is_split_off(text, split):
    assert split_reasoning(text) == split


@given(st.lists(st.sampled_from(["<think>", "</think>", " ", "\n", "a", "\x00", "\ud800"])).map("".join))
def test_any_text_becomes_a_completion_that_can_be_stored(text):
    outcome, _ = run({"messages": [{"role": "user", "content": "Hi"}]}, Reply(text=text, finish="stop"))
    assert json.dumps(outcome.output, ensure_ascii=False, allow_nan=False).encode()


# --- input ---------------------------------------------------------------------------------------------------------


def user(*parts):
    return {"messages": [{"role": "user", "content": list(parts)}]}


IMAGE = {"type": "image_url", "image_url": {"url": DATA}}


@pytest.mark.parametrize(
    ("value", "kind", "where"),
    [
        ({}, "chat_form", ""),
        ({"prompt": "a", "messages": [{"role": "user", "content": "b"}]}, "chat_form", ""),
        ({"messages": []}, "too_short", "/messages"),
        ({"prompt": "a", "image": []}, "extra_forbidden", "/image"),
        ({"prompt": "a", "video": {"upload_id": "v"}}, "unsupported", "/video"),
        ({"prompt": "a", "images": [{"data": DATA}] * 101}, "too_many_images", "/images"),
        (user(*[IMAGE] * 101), "too_many_images", "/messages"),
        (
            user({"type": "video_url", "video_url": {"url": "https://example.com/a.mp4"}}),
            "unsupported",
            "/messages/0/content/0/video_url",
        ),
        (user({"type": "text", "txt": "a"}), "missing", "/messages/0/content/0/text"),
        (user({"type": "text", "text": "a", "bold": True}), "extra_forbidden", "/messages/0/content/0/bold"),
        (user({"type": "text", "text": "a\x00"}), "nul_character", "/messages/0/content/0/text"),
        (user({"type": "audio"}), "union_tag_invalid", "/messages/0/content/0"),
        (
            user({"type": "image_url", "image_url": {"url": "ftp://example.com/a.png"}}),
            "image_source",
            "/messages/0/content/0/image_url",
        ),
        (
            user({"type": "image_url", "image_url": {"url": DATA, "upload_id": "up_1"}}),
            "image_source",
            "/messages/0/content/0/image_url",
        ),
        ({"messages": [{"role": "robot", "content": "a"}]}, "union_tag_invalid", "/messages/0"),
        ({"messages": [{"role": "user", "content": 5}]}, "string_type", "/messages/0/content"),
        (
            {"messages": [{"role": "system", "content": [IMAGE]}]},
            "literal_error",
            "/messages/0/content/0/type",
        ),
        ({"messages": [{"role": "assistant"}]}, "empty_message", "/messages/0"),
        ({"messages": [{"role": "tool", "content": "a"}]}, "missing", "/messages/0/tool_call_id"),
    ],
)
def test_an_input_outside_the_schema_is_refused_with_a_pointer_into_the_input(value, kind, where):
    with pytest.raises(ValidationError) as refused:
        ChatInput.model_validate(value)
    first = refused.value.errors()[0]
    assert first["type"] == kind
    assert pointer(first["loc"], value, missing=kind == "missing") == where


def test_video_is_refused_in_words():
    with pytest.raises(ValidationError, match="video is not supported yet"):
        ChatInput.model_validate({"prompt": "a", "video": {"upload_id": "v"}})


TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}


def test_tools_and_formats_reach_the_engine_as_they_were_given():
    given_params = {
        "tools": [TOOL],
        "tool_choice": {"type": "function", "function": {"name": "look"}},
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "a", "schema": {"type": "object"}},
        },
        "stop": ["\n\n"],
        "pixels": {"max": 500_000},
    }
    params = ChatParams.model_validate(given_params).model_dump(exclude_none=True)
    assert params == given_params
    _, call = run({"messages": [{"role": "user", "content": "Hi"}]}, Reply(text="x", finish="stop"), params)
    assert call.tools == [TOOL]
    assert call.tool_choice == given_params["tool_choice"]
    assert call.response_format == given_params["response_format"]
    assert call.sampling == {"temperature": 0.7, "top_p": 0.8, "top_k": 20, "stop": ["\n\n"]}


@pytest.mark.parametrize(
    "params",
    [
        {"tool_choice": "required"},
        {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "other"}}},
        {"tools": [{**TOOL, "extra": 1}]},
        {"response_format": {"type": "xml"}},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a"}}},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"a": "\x00"}}}},
        {"stop": [""]},
        {"n": 2},
    ],
)
def test_params_outside_the_schema_are_refused(params):
    with pytest.raises(ValidationError):
        ChatParams.model_validate(params)


def test_a_deep_schema_is_refused_and_not_a_crash():
    deep = {}
    for _ in range(200):
        deep = {"a": deep}
    with pytest.raises(ValidationError, match="nested deeper"):
        ChatParams.model_validate(
            {"tools": [{"type": "function", "function": {"name": "a", "parameters": deep}}]}
        )


def test_cost_grows_with_images_and_text_but_not_with_the_bytes_of_an_image():
    small = ChatInput.model_validate({"prompt": "Hi"})
    long = ChatInput.model_validate({"prompt": "a" * 80_000})
    shown = ChatInput.model_validate({"prompt": "Hi", "images": [{"data": DATA + "A" * 100_000}]})
    assert Chat().cost(small) == 1
    assert Chat().cost(long) == 11
    assert Chat().cost(shown) == 2
    assert Chat().cost(Chat().bind(shown, stored_images(1))) == 2
