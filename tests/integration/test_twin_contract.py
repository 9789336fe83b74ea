"""The simulated engine keeps the contract of engines."""

from collections.abc import Iterator

import pytest
from integration.engine_contract import EngineContract

from sightline_workers.engines.twin.options import TwinOptions
from sightline_workers.engines.twin.process import TwinProcess


@pytest.fixture(scope="module")
def engine_url() -> Iterator[str]:
    with TwinProcess(TwinOptions(profile="batching", speed=20, max_model_len=8192)) as twin:
        yield twin.url


class TestTwin(EngineContract):
    pass
