"""One running platform for the fault tests, whole again before and after each of them; or the domain alone."""

from collections.abc import Iterator

import pytest
from support.bodies import picture, sha256
from support.domain import Domain
from support.history import History
from support.invariants import check
from support.platform import Platform
from support.postgresql_server import PostgreSQLServer

POISON = 0xBAD
"""The number of the picture that kills the engines of the shared platform (`bodies.body`)."""


@pytest.fixture
def domain(transactional_db: None, redis_url: str) -> Domain:
    """The domain on a real database, with commits, and a real and empty Redis."""
    return Domain()


@pytest.fixture(scope="session")
def _shared(request: pytest.FixtureRequest) -> Iterator[Platform]:
    postgres: PostgreSQLServer | None = None
    if request.config.getoption("database") == "postgres":
        postgres = request.getfixturevalue("postgres_server")
    poison = sha256(picture(POISON * 16))
    env = {"SIGHTLINE_ALLOWED_NETWORKS": "127.7.0.0/16"}
    options = ("profile=instant", f"poison={poison}")
    with Platform(postgres=postgres, twin_options=options, env=env) as platform:
        yield platform


@pytest.fixture
def platform(_shared: Platform, request: pytest.FixtureRequest) -> Iterator[Platform]:
    """Two groups, open and healthy, with nothing in the queues; the invariants hold when the test ends."""
    _shared.history = History(_shared.home / f"history-{request.node.name}.jsonl")
    _shared.wait_ready()
    _shared.drained()
    yield _shared
    _shared.wait_ready()
    _shared.heal()
    check(_shared, guilty=_shared.guilty)
