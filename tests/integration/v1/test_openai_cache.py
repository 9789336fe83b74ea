"""Answers that are used again on `/v1`: the official client sees who answered, and the engine is asked once."""

from collections.abc import Iterator
from typing import Any

import openai
import pytest
from support.platform import TENANTS, Platform

GROUP = "gpu0"


@pytest.fixture(scope="module")
def cached(request: pytest.FixtureRequest, database_kind: str) -> Iterator[Platform]:
    postgres = request.getfixturevalue("postgres_server") if database_kind == "postgres" else None
    with Platform(groups=1, postgres=postgres, env={"SIGHTLINE_CACHE": "true"}) as platform:
        yield platform


@pytest.fixture
def clients(cached: Platform) -> Iterator[list[openai.OpenAI]]:
    """One of each of two tenants."""
    found = [
        openai.OpenAI(base_url=f"{cached.url}/v1", api_key=cached.keys[tenant], max_retries=0)
        for tenant in TENANTS[:2]
    ]
    yield found
    for client in found:
        client.close()


def ask(client: openai.OpenAI, text: str, **more: Any) -> Any:
    messages: list[Any] = [{"role": "user", "content": text}]
    return client.chat.completions.create(model="default", messages=messages, **{"temperature": 0, **more})


def calls(platform: Platform, text: str) -> int:
    """Requests about a text that the engine got; every test has a text of its own length."""
    return sum(
        "job_" in entry["request_id"] and entry["prompt_tokens"] == len(text) // 4 + 1 + 4
        for entry in platform.twin(GROUP).requests()
    )


def served_from(completion: Any) -> str:
    found: str = completion.sightline["served_from"]
    return found


def test_the_same_question_is_answered_by_the_cache(cached: Platform, clients: list[openai.OpenAI]) -> None:
    text = "Who wrote this? " * 10
    first, second = (ask(clients[0], text) for _ in range(2))
    assert (served_from(first), served_from(second)) == ("engine", "cache")
    assert second.sightline["cache"]["age_s"] >= 0
    assert first.id != second.id
    assert second.choices == first.choices
    assert calls(cached, text) == 1
    assert clients[0].chat.completions.retrieve(second.id) == second


def test_a_hit_is_streamed_as_an_answer_is(cached: Platform, clients: list[openai.OpenAI]) -> None:
    text = "Who read this? " * 20
    whole = ask(clients[0], text)
    *chunks, last = ask(clients[0], text, stream=True, stream_options={"include_usage": True})
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert said == whole.choices[0].message.content
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert last.usage is not None
    assert calls(cached, text) == 1


def test_another_tenant_asks_the_engine(cached: Platform, clients: list[openai.OpenAI]) -> None:
    text = "Who owns this? " * 30
    answers = [ask(client, text) for client in clients]
    assert [served_from(answer) for answer in answers] == ["engine", "engine"]
    assert calls(cached, text) == 2


def test_a_request_may_do_without_the_cache_or_want_a_new_answer(
    cached: Platform, clients: list[openai.OpenAI]
) -> None:
    text = "Who knows this? " * 40
    ask(clients[0], text)
    for mode, source in (("off", "engine"), ("refresh", "engine"), ("exact", "cache")):
        found = ask(clients[0], text, extra_body={"sightline": {"cache": {"mode": mode}}})
        assert served_from(found) == source, mode
    assert calls(cached, text) == 3


def test_what_is_not_deterministic_is_asked_anew(cached: Platform, clients: list[openai.OpenAI]) -> None:
    text = "Who dreams this? " * 50
    answers = [ask(clients[0], text, temperature=0.7) for _ in range(2)]
    assert [served_from(answer) for answer in answers] == ["engine", "engine"]
    assert calls(cached, text) == 2


def test_a_response_and_a_completion_share_an_answer(cached: Platform, clients: list[openai.OpenAI]) -> None:
    text = "Who shares this? " * 60
    completion = ask(clients[0], text)
    response = clients[0].responses.create(model="default", input=text, temperature=0)
    assert response.status == "completed"
    assert response.output_text == completion.choices[0].message.content
    again = clients[0].responses.create(model="default", input=text, temperature=0)
    assert again.output_text == response.output_text
    assert calls(cached, text) == 1


def test_an_identical_stream_gets_its_text_while_the_first_one_is_written(
    cached: Platform, clients: list[openai.OpenAI]
) -> None:
    text = "Who else asks? " * 40
    cached.twin(GROUP).faults(delay_s=30.0)
    with ask(clients[0], text, stream=True) as first, ask(clients[0], text, stream=True) as second:
        told = iter(second)
        said = next(told).choices[0].delta.content or ""
        assert said
        assert cached.running() == 1, "the answer is not complete yet"
        cached.twin(GROUP).heal()
        said += "".join(chunk.choices[0].delta.content or "" for chunk in told)
        assert said == "".join(chunk.choices[0].delta.content or "" for chunk in first)
    assert calls(cached, text) == 1
