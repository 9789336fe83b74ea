"""One platform on the real Qwen3-VL for all tests that leave it as it was: its start takes a minute."""

import json
from collections.abc import Iterator

import pytest
from support.platform import Platform


@pytest.fixture(scope="package")
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
        running._start("cpu", "cpu")
        yield running
    finally:
        running.stop()
