"""Sessions through the official `openai` client: the history comes before what is sent."""

import json
from typing import Any

import openai
import pytest
from support.platform import TENANTS, Platform
from support.waiting import until

from sightline.client import Client


def options(session: str, **more: Any) -> dict[str, Any]:
    return {"sightline": {"session_id": session, **more}}


def asked(platform: Platform, job: str) -> list[str]:
    """What the engine was shown, a word a message."""
    with Client(url=platform.url, key=platform.keys[TENANTS[0]]) as client:
        messages = client.job(job).document["input"]["messages"]
    return [message["role"] for message in messages]


@pytest.fixture
def session(platform: Platform) -> str:
    with Client(url=platform.url, key=platform.keys[TENANTS[0]]) as client:
        return client.sessions.create("chat", system="Be brief.").id


def test_completions_and_responses_go_on_from_one_session(
    platform: Platform, client: openai.OpenAI, session: str
) -> None:
    first = client.chat.completions.create(
        model="default", messages=[{"role": "user", "content": "one"}], extra_body=options(session)
    )
    assert first.sightline["session"] == {"id": session, "version": 0}  # type: ignore[attr-defined]
    stream = client.chat.completions.create(
        model="default",
        messages=[{"role": "user", "content": "two"}],
        stream=True,
        extra_body=options(session, session_version=1),
    )
    said = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
    third = client.responses.create(model="default", input="three", extra_body=options(session))
    turns = ["user", "assistant"]
    assert asked(platform, third.sightline["job"]) == ["system", *turns, *turns, "user"]  # type: ignore[attr-defined]
    items = client.responses.input_items.list(third.id).data
    assert len(items) == 1, "what the response itself was asked"
    with Client(url=platform.url, key=platform.keys[TENANTS[0]]) as native:
        entries = [entry for step in native.sessions.steps(session) for entry in step.entries]
    assert [entry["role"] for entry in entries] == turns * 3
    assert entries[3]["content"] == said


def test_a_stale_version_is_a_conflict_and_a_strangers_session_unknown(
    client: openai.OpenAI, stranger: openai.OpenAI, session: str
) -> None:
    def ask(who: openai.OpenAI, **more: Any) -> Any:
        return who.chat.completions.create(
            model="default", messages=[{"role": "user", "content": "x"}], extra_body=options(session, **more)
        )

    with pytest.raises(openai.ConflictError) as stale:
        ask(client, session_version=7)
    assert stale.value.code == "stale_version"
    with pytest.raises(openai.BadRequestError) as unknown:
        ask(stranger)
    assert unknown.value.param == "sightline.session_id"


def test_a_response_follows_one_history_only(client: openai.OpenAI, session: str) -> None:
    first = client.responses.create(model="default", input="one")
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(
            model="default", input="two", previous_response_id=first.id, extra_body=options(session)
        )
    assert refused.value.param == "sightline.session_id"


def test_a_line_of_a_batch_has_no_session(platform: Platform, client: openai.OpenAI, session: str) -> None:
    body = {"model": "default", "messages": [{"role": "user", "content": "x"}], **options(session)}
    line = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": body}
    file = client.files.create(file=("a.jsonl", json.dumps(line).encode()), purpose="batch")
    batch = client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    until(lambda: client.batches.retrieve(batch.id).status == "completed", what="the batch ends")
    errors = client.batches.retrieve(batch.id).error_file_id
    assert errors is not None
    told = json.loads(client.files.content(errors).text)["response"]["body"]["error"]
    assert "session" in told["message"]
