"""One platform on the simulated engine for all tests of the client and the command line, and a shell beside it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.bodies import picture
from support.platform import TENANTS, Platform
from support.shell import COUNT, Shell

from sightline.client import Client


@pytest.fixture(scope="package")
def _running(request: pytest.FixtureRequest, database_kind: str) -> Iterator[Platform]:
    postgres = request.getfixturevalue("postgres_server") if database_kind == "postgres" else None
    with Platform(groups=1, postgres=postgres) as platform:
        platform._start("cpu", "cpu")
        yield platform


@pytest.fixture
def platform(_running: Platform) -> Iterator[Platform]:
    yield _running
    _running.resume("ocr")
    _running.drained()


@pytest.fixture
def client(platform: Platform) -> Iterator[Client]:
    with Client(url=platform.url, key=platform.keys[TENANTS[0]], patience_s=120) as found:
        yield found


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    (folder / "deep").mkdir(parents=True)
    for number in range(COUNT):
        (folder / ("deep" if number % 2 else ".") / f"{number:03}.png").write_bytes(picture(number))
    return folder


@pytest.fixture
def shell(platform: Platform, tmp_path: Path) -> Shell:
    return Shell(platform, tmp_path, TENANTS[1])
