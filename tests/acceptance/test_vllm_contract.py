"""Real vLLM keeps the contract of engines."""

import pytest
from integration.engine_contract import EngineContract


@pytest.fixture(scope="module")
def engine_url(vllm_url: str) -> str:
    return vllm_url


@pytest.mark.vllm
@pytest.mark.timeout(900)
class TestVllm(EngineContract):
    pass
