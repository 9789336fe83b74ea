"""Real vLLM keeps the contract of engines."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "integration"))  # --import-mode=importlib leaves it out
from engine_contract import EngineContract


@pytest.fixture(scope="module")
def engine_url(vllm_url: str) -> str:
    return vllm_url


@pytest.mark.vllm
@pytest.mark.timeout(420)
class TestVllm(EngineContract):
    pass
