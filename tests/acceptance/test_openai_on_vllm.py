"""The official `openai` client streams an answer of the real Qwen3-VL through the whole platform."""

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from support.bodies import data_uri, picture
from support.platform import TENANTS, Platform

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    """The platform with one group on vLLM."""
    running = Platform(
        groups=1,
        engine="vllm",
        lease_s=10.0,
        env={
            "SIGHTLINE_MODELS": json.dumps({"default": {"cpu_threads": 1, "max_model_len": 8192}}),
            "SIGHTLINE_CANARY_TIMEOUT_S": "30",
        },
    )
    try:
        running.start(within_s=400.0)
        yield running
    finally:
        running.stop()


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
