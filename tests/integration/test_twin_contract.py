"""The simulated engine keeps the contract of engines."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sightline_workers.engines.twin.options import TwinOptions
from sightline_workers.engines.twin.process import TwinProcess

sys.path.insert(0, str(Path(__file__).parent))  # --import-mode=importlib leaves it out
from engine_contract import EngineContract


@pytest.fixture(scope="module")
def engine_url() -> Iterator[str]:
    with TwinProcess(TwinOptions(profile="batching", speed=20, max_model_len=8192)) as twin:
        yield twin.url


class TestTwin(EngineContract):
    pass
