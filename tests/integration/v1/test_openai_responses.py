"""Responses, by the official `openai` client: waited for, streamed, in the background, one after the other."""

import asyncio
import json
from typing import Any

import openai
import pytest
from support.bodies import data_uri, picture
from support.platform import TENANTS, Platform
from support.waiting import until

GROUP = "gpu0"
WEATHER: list[Any] = [
    {
        "type": "function",
        "name": "weather",
        "description": "The weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        "strict": True,
    }
]
ORDER = [
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.completed",
]


def followed(platform: Platform, client: openai.OpenAI, found: Any) -> Any:
    """The response once it has ended."""
    until(
        lambda: client.responses.retrieve(found.id).status not in ("queued", "in_progress"),
        what="the response ends",
    )
    return client.responses.retrieve(found.id)


def collapsed(types: list[str]) -> list[str]:
    """The types in order, runs of one as one."""
    return [kind for number, kind in enumerate(types) if number == 0 or types[number - 1] != kind]


def test_a_response_is_a_job_of_the_queue(platform: Platform, client: openai.OpenAI) -> None:
    found = client.responses.create(
        model="default",
        input="Say hello.",
        instructions="Be brief.",
        max_output_tokens=64,
        metadata={"case": "4711"},
        service_tier="flex",
    )
    assert (found.object, found.status, found.error) == ("response", "completed", None)
    assert "hello" in found.output_text
    assert found.usage is not None
    assert found.usage.total_tokens == found.usage.input_tokens + found.usage.output_tokens > 0
    assert (found.metadata, found.instructions, found.service_tier) == ({"case": "4711"}, "Be brief.", "flex")
    job = platform.job(found.sightline["job"])  # type: ignore[attr-defined]
    assert (job["kind"], job["queue"], job["status"]) == ("chat", "ocr.default", "succeeded")
    assert client.responses.retrieve(found.id) == found


def test_a_stream_tells_everything_in_the_official_order(client: openai.OpenAI) -> None:
    whole = client.responses.create(model="default", input="Say hello.", temperature=0)
    events = list(client.responses.create(model="default", input="Say hello.", temperature=0, stream=True))
    assert collapsed([event.type for event in events]) == ORDER
    numbers = [event.sequence_number for event in events]
    assert numbers == sorted(set(numbers))
    said = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    last = events[-1]
    assert last.type == "response.completed"
    assert said == last.response.output_text == whole.output_text
    done = next(event for event in events if event.type == "response.output_text.done")
    assert done.text == said
    assert client.responses.retrieve(last.response.id) == last.response


def test_the_clients_own_accumulator_reads_the_stream(client: openai.OpenAI) -> None:
    with client.responses.stream(model="default", input="Say hello.") as stream:
        for _ in stream:
            pass
        found = stream.get_final_response()
    assert found.output_text
    with client.responses.stream(model="default", input="Weather in Bergen?", tools=WEATHER) as stream:
        for _ in stream:
            pass
        (call,) = stream.get_final_response().output
    assert call.type == "function_call"


def test_one_in_the_background_is_read_later(platform: Platform, client: openai.OpenAI) -> None:
    platform.twin(GROUP).faults(delay_s=1.0)
    begun = client.responses.create(model="default", input="Say hello.", background=True)
    assert (begun.status, begun.output, begun.background) == ("queued", [], True)
    found = followed(platform, client, begun)
    assert (found.status, found.id) == ("completed", begun.id)
    assert found.output_text


@pytest.mark.parametrize("restart", [False, True])
def test_a_stream_goes_on_behind_any_event(platform: Platform, client: openai.OpenAI, restart: bool) -> None:
    platform.twin(GROUP).faults(delay_s=1.5)
    with client.responses.create(model="default", input="Say hello.", background=True, stream=True) as stream:
        head = []
        for event in stream:
            head.append(event)
            if event.type == "response.output_text.delta":
                break
    assert head[0].type == "response.created"
    public_id = head[0].response.id
    if restart:
        platform.children["web"].stop(120.0)
        platform.start_web()
        until(platform.web_answers, what="the web server is back")
        platform.redis.flush()  # the live text is gone as well
    rest = list(client.responses.retrieve(public_id, stream=True, starting_after=head[-1].sequence_number))
    events = head + rest
    assert collapsed([event.type for event in events]) == [ORDER[0], "response.queued", *ORDER[1:]]
    numbers = [event.sequence_number for event in events]
    assert numbers == sorted(set(numbers))
    said = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert said == client.responses.retrieve(public_id).output_text
    # From any event of a stream that has ended, too.
    for number, event in enumerate(events):
        again = list(client.responses.retrieve(public_id, stream=True, starting_after=event.sequence_number))
        missing = [one for one in events[number + 1 :] if one.type != "response.output_text.delta"]
        assert [one.type for one in again if one.type != "response.output_text.delta"] == [
            one.type for one in missing
        ]
        so_far = [one for one in events[: number + 1] if one.type == "response.output_text.delta"]
        more = [one for one in again if one.type == "response.output_text.delta"]
        assert "".join(one.delta for one in so_far + more) == said


def test_a_client_that_hangs_up_cancels_only_what_it_waits_for(
    platform: Platform, client: openai.OpenAI
) -> None:
    platform.twin(GROUP).faults(hang=True)
    with pytest.raises(openai.APITimeoutError):
        client.with_options(timeout=4.0).responses.create(model="default", input="Say hello.")
    with client.responses.create(model="default", input="Say hello.", background=True, stream=True) as stream:
        kept = next(iter(stream)).response.id  # type: ignore[union-attr]
    until(
        lambda: platform.rows("SELECT status FROM jobs_job ORDER BY id")[-2]["status"] == "cancelled",
        what="the first job is cancelled",
    )
    assert client.responses.retrieve(kept).status in ("queued", "in_progress")
    platform.twin(GROUP).heal()
    assert followed(platform, client, client.responses.retrieve(kept)).status == "completed"


def test_one_in_the_background_is_cancelled(platform: Platform, client: openai.OpenAI) -> None:
    platform.twin(GROUP).faults(hang=True)
    begun = client.responses.create(model="default", input="Say hello.", background=True)
    found = client.responses.cancel(begun.id)
    assert found.status == "cancelled"
    assert client.responses.cancel(begun.id).status == "cancelled"
    events = list(client.responses.retrieve(begun.id, stream=True))
    assert events[-1].type == "response.failed"
    platform.twin(GROUP).heal()
    other = client.responses.create(model="default", input="Say hello.")
    with pytest.raises(openai.ConflictError):
        client.responses.cancel(other.id)


def test_a_deleted_one_is_gone_and_is_not_followed(platform: Platform, client: openai.OpenAI) -> None:
    first = client.responses.create(model="default", input="My name is Ada.")
    second = client.responses.create(model="default", input="Go on.", previous_response_id=first.id)
    client.responses.delete(first.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(first.id)
    for gone in (first.id, second.id):
        with pytest.raises(openai.BadRequestError) as error:
            client.responses.create(model="default", input="And?", previous_response_id=gone)
        assert (error.value.code, error.value.param) == (
            "previous_response_not_found",
            "previous_response_id",
        )
    platform.twin(GROUP).faults(hang=True)
    active = client.responses.create(model="default", input="Say hello.", background=True)
    client.responses.delete(active.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(active.id)


def test_what_follows_knows_what_was_said(platform: Platform, client: openai.OpenAI) -> None:
    parts: list[Any] = [
        {"type": "input_image", "image_url": data_uri(picture(91)), "detail": "high"},
        {"type": "input_text", "text": "What is this?"},
    ]
    first = client.responses.create(
        model="default", instructions="Be brief.", input=[{"role": "user", "content": parts}]
    )
    assert "48 by 48" in first.output_text
    second = client.responses.create(
        model="default", instructions="Be kind.", input="And now?", previous_response_id=first.id
    )
    assert second.previous_response_id == first.id
    job = platform.job(second.sightline["job"])  # type: ignore[attr-defined]
    input = json.loads(job["input"]) if isinstance(job["input"], str) else job["input"]
    told = [(message["role"], message["content"]) for message in input["messages"]]
    assert told[0] == ("system", "Be kind.")
    assert told[1][1][0]["type"] == "image"
    assert told[2] == ("assistant", first.output_text)
    assert told[3] == ("user", "And now?")
    assert len(told) == 4
    (item,) = client.responses.input_items.list(second.id).data
    assert item.type == "message"
    assert item.content[0].text == "And now?"  # type: ignore[union-attr]
    (item,) = client.responses.input_items.list(first.id).data
    image = item.content[0]  # type: ignore[union-attr]
    headers = {"Authorization": f"Bearer {client.api_key}"}
    import httpx

    assert httpx.get(platform.url + image.image_url, headers=headers).status_code == 200  # type: ignore[union-attr]


def test_functions_are_called_and_answered(client: openai.OpenAI) -> None:
    asked: list[Any] = [{"role": "user", "content": "How is the weather in Bergen?"}]
    found = client.responses.create(model="default", input=asked, tools=WEATHER)
    (call,) = found.output
    assert call.type == "function_call"
    assert (found.tools[0].type, found.tools[0].name) == ("function", "weather")  # type: ignore[union-attr]
    events = list(client.responses.create(model="default", input=asked, tools=WEATHER, stream=True))
    assert collapsed([event.type for event in events]) == [
        *ORDER[:3],
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.completed",
    ]
    answered: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "Rain."}
    again = client.responses.create(
        model="default", input=[*asked, call.model_dump(), answered], tools=WEATHER
    )
    same = client.responses.create(model="default", input=[*asked, *found.output, answered], tools=WEATHER)
    assert same.output_text == again.output_text
    assert again.output_text
    after = client.responses.create(
        model="default", input=[answered], tools=WEATHER, previous_response_id=found.id
    )
    assert after.output_text == again.output_text
    listed = client.responses.input_items.list(again.id, order="asc").data
    assert [item.type for item in listed] == ["message", "function_call", "function_call_output"]


def test_a_schema_binds_the_answer(client: openai.OpenAI) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    wanted: Any = {"format": {"type": "json_schema", "name": "number", "schema": schema, "strict": True}}
    found = client.responses.create(model="default", input="A number.", text=wanted)
    assert isinstance(json.loads(found.output_text)["n"], int)
    assert found.text is not None
    assert found.text.format is not None
    assert found.text.format.type == "json_schema"


def test_one_that_is_cut_off_is_incomplete(client: openai.OpenAI) -> None:
    found = client.responses.create(model="default", input="Say hello.", max_output_tokens=1)
    assert found.status == "incomplete"
    assert found.incomplete_details is not None
    assert found.incomplete_details.reason == "max_output_tokens"
    events = list(
        client.responses.create(model="default", input="Say hello.", max_output_tokens=1, stream=True)
    )
    assert events[-1].type == "response.incomplete"


def test_what_is_not_stored_is_not_read_again(platform: Platform, client: openai.OpenAI) -> None:
    found = client.responses.create(model="default", input="Say hello.", store=False)
    assert found.output_text
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(found.id)
    with pytest.raises(openai.BadRequestError):
        client.responses.create(model="default", input="And?", previous_response_id=found.id)
    assert platform.job(found.sightline["job"])["retention_s"] == 60  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("more", "param", "code"),
    [
        ({"temprature": 1}, "temprature", "unknown_field"),
        ({"temperature": 9}, "temperature", "invalid_input"),
        ({"max_output_tokens": 0}, "max_output_tokens", "invalid_input"),
        ({"conversation": "conv_1"}, "conversation", "unknown_field"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type", "invalid_input"),
        ({"background": True, "store": False}, "store", "invalid_input"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0]", "invalid_input"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "file-nope"}]}]},
            "input[0].content[0].file_id",
            "invalid_input",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_audio"}]}]},
            "input[0].content[0]",
            "invalid_input",
        ),
        ({"previous_response_id": "resp_nope"}, "previous_response_id", "previous_response_not_found"),
    ],
)
def test_what_is_wrong_is_named_in_openais_form(
    client: openai.OpenAI, more: dict[str, Any], param: str, code: str
) -> None:
    with pytest.raises(openai.BadRequestError) as error:
        client.responses.create(model="default", extra_body={"input": "Say hello.", **more})
    assert (error.value.param, error.value.code) == (param, code)


def test_who_waits_gets_the_error_itself_and_a_later_reader_the_failed_response(
    platform: Platform, client: openai.OpenAI
) -> None:
    long = "word " * 40_000
    with pytest.raises(openai.BadRequestError) as error:
        client.responses.create(model="default", input=long)
    assert error.value.code == "context_too_long"
    found = followed(platform, client, client.responses.create(model="default", input=long, background=True))
    assert found.status == "failed"
    assert found.error is not None
    assert found.error.code == "context_too_long"


def test_the_same_request_under_one_key_is_one_response(client: openai.OpenAI) -> None:
    header = {"Idempotency-Key": "response-1"}
    first = client.responses.create(model="default", input="Say hello.", extra_headers=header)
    assert client.responses.create(model="default", input="Say hello.", extra_headers=header) == first


def test_nobody_sees_the_responses_of_another_tenant(client: openai.OpenAI, stranger: openai.OpenAI) -> None:
    found = client.responses.create(model="default", input="Say hello.", background=True)
    for look in (
        lambda: stranger.responses.retrieve(found.id),
        lambda: stranger.responses.cancel(found.id),
        lambda: stranger.responses.delete(found.id),
        lambda: stranger.responses.input_items.list(found.id),
        lambda: stranger.responses.retrieve(found.id, stream=True),
    ):
        with pytest.raises(openai.NotFoundError):
            look()
    with pytest.raises(openai.BadRequestError):
        stranger.responses.create(model="default", input="And?", previous_response_id=found.id)


def test_the_async_client_runs_them_in_the_background(platform: Platform) -> None:
    async def one(client: openai.AsyncOpenAI, number: int) -> str:
        begun = await client.responses.create(
            model="default", input=f"Number {number}", background=True, stream=True
        )
        async with begun:
            first = await anext(aiter(begun))
        assert first.type == "response.created"
        rest = await client.responses.retrieve(
            first.response.id, stream=True, starting_after=first.sequence_number
        )
        deltas = [event.delta async for event in rest if event.type == "response.output_text.delta"]
        return "".join(deltas)

    async def all_of_them() -> list[str]:
        key = platform.keys[TENANTS[1]]
        async with openai.AsyncOpenAI(base_url=f"{platform.url}/v1", api_key=key) as client:
            return await asyncio.gather(*(one(client, number) for number in range(6)))

    for number, said in enumerate(asyncio.run(all_of_them())):
        assert f"Number {number} " in said
