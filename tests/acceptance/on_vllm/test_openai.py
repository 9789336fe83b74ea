"""The official `openai` client, sync and async, drives the whole of `/v1` on the real Qwen3-VL."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from support.bodies import data_uri, picture
from support.platform import TENANTS, Platform
from support.waiting import until

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(900)]


@pytest.fixture
def client(platform: Platform) -> Iterator[openai.OpenAI]:
    key = platform.keys[TENANTS[0]]
    with openai.OpenAI(base_url=f"{platform.url}/v1", api_key=key, max_retries=0, timeout=300.0) as found:
        yield found


def test_the_openai_client_streams_an_answer_about_an_image(platform: Platform) -> None:
    parts: list[Any] = [
        {"type": "image_url", "image_url": {"url": data_uri(picture(9))}},
        {"type": "text", "text": "Read all the text in the image."},
    ]
    asked: dict[str, Any] = {
        "model": "default",
        "messages": [{"role": "user", "content": parts}],
        "temperature": 0,
        "max_completion_tokens": 24,
        "extra_body": {"repetition_penalty": 1.05, "mm_processor_kwargs": {"size": {"longest_edge": 65536}}},
    }
    with openai.OpenAI(
        base_url=f"{platform.url}/v1", api_key=platform.keys[TENANTS[0]], max_retries=0, timeout=300.0
    ) as client:
        *chunks, last = client.chat.completions.create(
            **asked, stream=True, stream_options={"include_usage": True}
        )
        whole = client.chat.completions.create(**asked)
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert said == whole.choices[0].message.content
    assert chunks[-1].choices[0].finish_reason == whole.choices[0].finish_reason
    assert last.usage is not None
    assert last.usage == whole.usage
    assert last.usage.completion_tokens <= 24


def test_a_response_in_the_background_is_streamed_left_and_gone_on_with(client: openai.OpenAI) -> None:
    asked: dict[str, Any] = {
        "model": "default",
        "input": "Say hello.",
        "temperature": 0,
        "max_output_tokens": 24,
    }
    head = []
    with client.responses.create(**asked, background=True, stream=True) as stream:
        for event in stream:
            head.append(event)
            if event.type == "response.output_text.delta":
                break
    assert head[0].type == "response.created"
    public_id = head[0].response.id
    rest = list(client.responses.retrieve(public_id, stream=True, starting_after=head[-1].sequence_number))
    said = "".join(event.delta for event in head + rest if event.type == "response.output_text.delta")
    found = client.responses.retrieve(public_id)
    assert rest[-1].type in ("response.completed", "response.incomplete")
    assert said == found.output_text
    assert found.usage is not None
    assert 0 < found.usage.output_tokens <= 24
    assert client.responses.create(**asked).output_text == said
    follows = client.responses.create(
        model="default", input="Again.", previous_response_id=public_id, max_output_tokens=8
    )
    assert follows.usage is not None
    assert follows.usage.input_tokens > found.usage.input_tokens
    client.responses.delete(public_id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(public_id)


def test_a_response_in_the_background_is_cancelled(client: openai.OpenAI) -> None:
    begun = client.responses.create(
        model="default", input="Count to a thousand.", background=True, max_output_tokens=2000
    )
    assert client.responses.cancel(begun.id).status in ("cancelled", "completed", "incomplete")
    until(
        lambda: client.responses.retrieve(begun.id).status not in ("queued", "in_progress"),
        what="the response ends",
    )


def test_a_schema_binds_the_answer(client: openai.OpenAI) -> None:
    schema = {"type": "object", "properties": {"n": {"enum": [1, 2, 3]}}, "required": ["n"]}
    schema["additionalProperties"] = False
    found = client.responses.create(
        model="default",
        input="A number.",
        temperature=0,
        max_output_tokens=64,
        text={"format": {"type": "json_schema", "name": "number", "schema": schema, "strict": True}},
    )
    assert json.loads(found.output_text)["n"] in (1, 2, 3)


def test_a_function_is_called_in_a_stream_as_in_a_whole_answer(client: openai.OpenAI) -> None:
    parameters = {
        "type": "object",
        "properties": {"word": {"enum": ["one", "two"]}},
        "required": ["word"],
        "additionalProperties": False,
    }
    function = {"name": "look_up", "strict": True, "parameters": parameters}
    asked: dict[str, Any] = {
        "model": "default",
        "messages": [{"role": "user", "content": "Look something up."}],
        "tools": [{"type": "function", "function": function}],
        "tool_choice": "required",
        "temperature": 0,
        "max_completion_tokens": 96,
    }
    whole = client.chat.completions.create(**asked).choices[0]
    chunks = [chunk.choices[0] for chunk in client.chat.completions.create(**asked, stream=True)]
    pieces = [piece for chunk in chunks for piece in chunk.delta.tool_calls or ()]
    said: dict[int, str] = {}
    for piece in pieces:
        said[piece.index] = said.get(piece.index, "") + piece.function.arguments
    assert list(said.values()) == [call.function.arguments for call in whole.message.tool_calls or ()]
    assert [piece.function.name for piece in pieces if piece.id] == ["look_up"] * len(said)
    assert said, (
        "the schema makes the model begin a call; blanks within it are all that the small one may add"
    )
    assert chunks[-1].finish_reason == whole.finish_reason


def test_a_batch_of_texts_and_images_runs(client: openai.OpenAI) -> None:
    image = client.files.create(purpose="vision", file=("a.png", picture(9)))
    parts = [{"type": "file", "file": {"file_id": image.id}}, {"type": "text", "text": "Read it."}]
    contents: list[Any] = ["Say hello.", "Say goodbye.", parts]
    lines = [
        json.dumps(
            {
                "custom_id": f"r-{number}",
                "method": "POST",
                "url": "/v1/chat/completions",
                "body": {
                    "model": "default",
                    "messages": [{"role": "user", "content": content}],
                    "max_tokens": 12,
                    "temperature": 0,
                    "mm_processor_kwargs": {"size": {"longest_edge": 65536}},
                },
            }
        )
        for number, content in enumerate(contents)
    ]
    file = client.files.create(purpose="batch", file=("requests.jsonl", "\n".join(lines).encode()))
    batch = client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    ended = ("completed", "failed", "expired", "cancelled")
    until(lambda: client.batches.retrieve(batch.id).status in ended, what="the batch ends", within_s=300.0)
    batch = client.batches.retrieve(batch.id)
    assert batch.status == "completed"
    assert batch.request_counts is not None
    assert (batch.request_counts.completed, batch.request_counts.failed) == (3, 0)
    rows = [json.loads(row) for row in client.files.content(batch.output_file_id or "").text.splitlines()]
    assert {row["custom_id"] for row in rows} == {"r-0", "r-1", "r-2"}
    for row in rows:
        assert row["response"]["body"]["usage"]["completion_tokens"] <= 12


def test_the_async_client_drives_it_as_well(platform: Platform) -> None:
    async def run() -> tuple[str, str]:
        key = platform.keys[TENANTS[1]]
        async with openai.AsyncOpenAI(base_url=f"{platform.url}/v1", api_key=key, timeout=300.0) as client:
            asked: dict[str, Any] = {"model": "default", "temperature": 0}
            stream = await client.responses.create(
                **asked, input="Say hello.", max_output_tokens=12, stream=True
            )
            chat = await client.chat.completions.create(
                **asked, messages=[{"role": "user", "content": "Say hello."}], max_completion_tokens=12
            )
            said = [event.delta async for event in stream if event.type == "response.output_text.delta"]
            return "".join(said), chat.choices[0].message.content or ""

    streamed, whole = asyncio.run(run())
    assert streamed == whole
