"""The official `openai` client, sync and async, against the running platform on the simulated engine."""

import asyncio
import json
from typing import Any

import httpx
import openai
import pytest
from support.bodies import data_uri, picture
from support.platform import TENANTS, Platform
from support.site import answer, serving
from support.waiting import until

GROUP = "gpu0"
HELLO: list[Any] = [{"role": "user", "content": "Say hello."}]
WEATHER: list[Any] = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "The weather of a city.",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            },
        },
    }
]


def job_of(platform: Platform, completion: Any) -> dict[str, Any]:
    return platform.job(completion.sightline["job"])


def params_of(job: dict[str, Any]) -> Any:
    """SQLite gives text where PostgreSQL gives the value."""
    return json.loads(job["params"]) if isinstance(job["params"], str) else job["params"]


def test_models_are_the_tags(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["default"]
    assert client.models.retrieve("default").owned_by == "sightline"
    with pytest.raises(openai.NotFoundError) as error:
        client.models.retrieve("gpt-4o")
    assert error.value.code == "model_not_found"


def test_a_chat_is_a_job_of_the_queue(platform: Platform, client: openai.OpenAI) -> None:
    found = client.chat.completions.create(model="default", messages=HELLO, max_completion_tokens=64, seed=7)
    assert found.object == "chat.completion"
    assert found.choices[0].finish_reason == "stop"
    assert "hello" in (found.choices[0].message.content or "")
    assert found.usage is not None
    assert found.usage.total_tokens == found.usage.prompt_tokens + found.usage.completion_tokens
    job = job_of(platform, found)
    assert (job["kind"], job["queue"], job["status"]) == ("chat", "chat.default", "succeeded")
    assert params_of(job) == {"max_tokens": 64, "seed": 7}
    assert client.chat.completions.retrieve(found.id) == found


def test_a_stream_says_what_the_whole_answer_says(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model="default", messages=HELLO, temperature=0)
    chunks = list(
        client.chat.completions.create(
            model="default",
            messages=HELLO,
            temperature=0,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    *text, last = chunks
    assert "".join(chunk.choices[0].delta.content or "" for chunk in text) == whole.choices[0].message.content
    assert text[0].choices[0].delta.role == "assistant"
    assert text[-1].choices[0].finish_reason == "stop"
    assert last.choices == []
    assert last.usage == whole.usage
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk.id for chunk in chunks}) == 1


def test_text_arrives_while_the_engine_still_works(platform: Platform, client: openai.OpenAI) -> None:
    platform.hold()
    with client.chat.completions.create(model="default", messages=HELLO, stream=True) as stream:
        chunks = iter(stream)
        assert next(chunks).choices[0].delta.content
        assert platform.running() == 1
        platform.twin(GROUP).faults(delay_s=2.0)
        assert sum(1 for _ in chunks) > 2


def test_the_async_client_runs_many_at_once(platform: Platform) -> None:
    async def ask(client: openai.AsyncOpenAI, number: int) -> str:
        messages: list[Any] = [{"role": "user", "content": f"Number {number}"}]
        if number % 2:
            found = await client.chat.completions.create(model="default", messages=messages)
            return found.choices[0].message.content or ""
        stream = await client.chat.completions.create(model="default", messages=messages, stream=True)
        return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    async def all_of_them() -> list[str]:
        key = platform.keys[TENANTS[1]]
        async with openai.AsyncOpenAI(base_url=f"{platform.url}/v1", api_key=key) as client:
            return await asyncio.gather(*(ask(client, number) for number in range(12)))

    for number, said in enumerate(asyncio.run(all_of_them())):
        assert f"Number {number} " in said


def test_images_come_as_data_and_by_address(platform: Platform, client: openai.OpenAI) -> None:
    with serving() as site:
        site.pages["/a.png"] = answer(picture(77), Content_Type="image/png")
        for url in (data_uri(picture(78)), site.url("/a.png")):
            parts: list[Any] = [
                {"type": "image_url", "image_url": {"url": url, "detail": "high"}},
                {"type": "text", "text": "What is this?"},
            ]
            found = client.chat.completions.create(
                model="default",
                messages=[{"role": "user", "content": parts}],
                service_tier="flex",
                extra_body={"mm_processor_kwargs": {"size": {"longest_edge": 65536}}, "top_k": 5},
            )
            assert "48 by 48" in (found.choices[0].message.content or "")
            job = job_of(platform, found)
            assert (job["kind"], job["queue"]) == ("chat", "ocr.default")
            assert params_of(job) == {"top_k": 5, "pixels": {"max": 65536}}


def streamed(chunks: list[Any]) -> list[tuple[str, str]]:
    """The tool calls of a stream, checked to be as OpenAI streams them: id and name once, then arguments."""
    found: list[tuple[str, str]] = []
    for piece in (piece for chunk in chunks for piece in chunk.choices[0].delta.tool_calls or ()):
        if piece.index == len(found):
            assert piece.id
            assert piece.type == "function"
            found.append((piece.function.name, ""))
        else:
            assert piece.index == len(found) - 1, "a call begins once the one before is complete"
            assert (piece.id, piece.function.name) == (None, None)
        found[-1] = (found[-1][0], found[-1][1] + (piece.function.arguments or ""))
    return found


def test_several_tool_calls_stream_while_the_engine_still_writes(
    platform: Platform, client: openai.OpenAI
) -> None:
    messages: list[Any] = [{"role": "user", "content": "How is the weather, and the tide, in Bergen?"}]
    tide = {**WEATHER[0], "function": {**WEATHER[0]["function"], "name": "tide"}}
    asked: dict[str, Any] = {"model": "default", "messages": messages, "tools": [*WEATHER, tide]}
    whole = client.chat.completions.create(**asked).choices[0].message.tool_calls or []
    platform.hold()
    with client.chat.completions.create(**asked, stream=True) as stream:
        chunks = [next(stream)]
        assert chunks[0].choices[0].delta.tool_calls[0].function.name == "weather"  # type: ignore[index, union-attr]
        assert platform.running() == 1
        platform.twin(GROUP).faults(delay_s=2.0)
        chunks += stream
    calls = [(call.function.name, call.function.arguments) for call in whole if call.type == "function"]
    assert streamed(chunks) == calls
    assert [name for name, _ in calls] == ["weather", "tide"]
    assert sum(bool(chunk.choices[0].delta.tool_calls) for chunk in chunks) > len(calls)
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


def test_tools_are_called(client: openai.OpenAI) -> None:
    messages: list[Any] = [{"role": "user", "content": "How is the weather in Bergen?"}]
    found = client.chat.completions.create(model="default", messages=messages, tools=WEATHER)
    assert found.choices[0].finish_reason == "tool_calls"
    (call,) = found.choices[0].message.tool_calls or ()
    chunks = list(
        client.chat.completions.create(model="default", messages=messages, tools=WEATHER, stream=True)
    )
    assert call.type == "function"
    assert streamed(chunks) == [(call.function.name, call.function.arguments)]
    assert chunks[-1].choices[0].finish_reason == "tool_calls"
    messages += [found.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "Rain."}]
    again = client.chat.completions.create(model="default", messages=messages, tools=WEATHER)
    assert again.choices[0].message.content


def test_a_schema_binds_the_answer(client: openai.OpenAI) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    found = client.chat.completions.create(
        model="default",
        messages=HELLO,
        response_format={"type": "json_schema", "json_schema": {"name": "number", "schema": schema}},
    )
    assert isinstance(json.loads(found.choices[0].message.content or "")["n"], int)


@pytest.mark.parametrize(
    ("more", "seats"),
    [
        ({"service_tier": "priority"}, "gui"),
        ({"service_tier": "default"}, "chat"),
        ({"service_tier": "auto"}, "chat"),
        ({"service_tier": "flex"}, "ocr"),
        ({"sightline": {"kind": "gui", "deadline_ms": 60000}}, "gui"),
    ],
)
def test_the_service_tier_chooses_the_seats(
    platform: Platform, client: openai.OpenAI, more: dict[str, Any], seats: str
) -> None:
    found = client.chat.completions.create(model="default", messages=HELLO, extra_body=more)
    job = job_of(platform, found)
    assert (job["kind"], job["queue"]) == ("chat", f"{seats}.default")
    assert found.service_tier == {"gui": "priority", "chat": "default", "ocr": "flex"}[seats]


@pytest.mark.parametrize(
    ("more", "param", "code"),
    [
        ({"temprature": 1}, "temprature", "unknown_field"),
        ({"temperature": 9}, "temperature", "invalid_input"),
        ({"n": 2}, "n", "invalid_input"),
        ({"messages": []}, "messages", "invalid_input"),
        ({"mm_processor_kwargs": {"fps": 1}}, "mm_processor_kwargs.fps", "unknown_field"),
        (
            {"messages": [{"role": "user", "content": [{"type": "video_url", "video_url": {"url": "x"}}]}]},
            "messages[0].content[0].video_url",
            "invalid_input",
        ),
    ],
)
def test_what_is_wrong_is_named_in_openais_form(
    client: openai.OpenAI, more: dict[str, Any], param: str, code: str
) -> None:
    with pytest.raises(openai.BadRequestError) as error:
        client.chat.completions.create(model="default", messages=HELLO, extra_body=more)
    assert (error.value.param, error.value.code) == (param, code)
    assert error.value.type == "invalid_request_error"
    if "video" in param:
        assert "not supported yet" in error.value.message


def test_errors_have_openais_classes(platform: Platform, client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="gpt-4o", messages=HELLO)
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="sl_no").models.list()
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.retrieve("chatcmpl-01J")
    nothing = httpx.get(f"{platform.url}/v1/nothing", headers={"Authorization": f"Bearer {client.api_key}"})
    assert (nothing.status_code, nothing.json()["error"]["code"]) == (404, "not_found")
    long: list[Any] = [{"role": "user", "content": "word " * 40_000}]
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError) as error:
            client.chat.completions.create(model="default", messages=long, stream=stream)
        assert error.value.code == "context_too_long"


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_hangs_up_cancels_its_job(
    platform: Platform, client: openai.OpenAI, stream: bool
) -> None:
    platform.twin(GROUP).faults(hang=True)
    with pytest.raises(openai.APITimeoutError):
        client.with_options(timeout=4.0).chat.completions.create(
            model="default", messages=HELLO, stream=stream
        )
    newest = "SELECT status FROM jobs_job ORDER BY id DESC LIMIT 1"
    until(lambda: platform.rows(newest)[0]["status"] == "cancelled", what="the job is cancelled")


def test_an_attempt_that_fails_after_text_went_out_goes_on_where_it_stopped(
    platform: Platform, client: openai.OpenAI
) -> None:
    platform.twin(GROUP).faults(delay_s=0.6, reset_mid=1)
    chunks = list(client.chat.completions.create(model="default", messages=HELLO, stream=True))
    platform.twin(GROUP).heal()
    whole = client.chat.completions.create(model="default", messages=HELLO)
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert said == whole.choices[0].message.content


def test_a_web_server_that_stops_says_so_in_the_stream(platform: Platform, client: openai.OpenAI) -> None:
    platform.hold()
    try:
        with client.chat.completions.create(model="default", messages=HELLO, stream=True) as stream:
            chunks = iter(stream)
            next(chunks)
            platform.twin(GROUP).faults(hang=True)
            platform.children["web"].stop(120.0)
            with pytest.raises(openai.APIError, match="restarts"):
                list(chunks)
    finally:
        platform.start_web()
        until(platform.web_answers, what="the web server is back")
