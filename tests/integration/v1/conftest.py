"""One platform on the simulated engine for all tests of `/v1`, and OpenAI's own client."""

from collections.abc import Iterator

import openai
import pytest
from support.platform import TENANTS, Platform

GROUP = "gpu0"


@pytest.fixture(scope="package")
def _running(request: pytest.FixtureRequest, database_kind: str) -> Iterator[Platform]:
    postgres = request.getfixturevalue("postgres_server") if database_kind == "postgres" else None
    allowed = {"SIGHTLINE_ALLOWED_NETWORKS": "127.0.0.0/8"}
    with Platform(groups=1, postgres=postgres, env=allowed) as platform:
        platform._start("cpu", "cpu")
        yield platform


@pytest.fixture
def platform(_running: Platform) -> Iterator[Platform]:
    yield _running
    _running.twin(GROUP).heal()
    _running.drained()


@pytest.fixture
def client(platform: Platform) -> Iterator[openai.OpenAI]:
    key = platform.keys[TENANTS[0]]
    with openai.OpenAI(base_url=f"{platform.url}/v1", api_key=key, max_retries=0) as found:
        yield found


@pytest.fixture
def stranger(platform: Platform) -> Iterator[openai.OpenAI]:
    """The client of another tenant."""
    key = platform.keys[TENANTS[1]]
    with openai.OpenAI(base_url=f"{platform.url}/v1", api_key=key, max_retries=0) as found:
        yield found
