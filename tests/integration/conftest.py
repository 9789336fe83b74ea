"""The domain on a real database and a real Redis, and many threads that start together."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest
from django.db import connection
from support.domain import Domain

T = TypeVar("T")


@pytest.fixture
def domain(transactional_db: None, redis_url: str) -> Domain:
    """The domain on a real database, with commits, and a real and empty Redis."""
    return Domain()


def _in_parallel(count: int, verb: Callable[[int], T]) -> list[T]:
    """Run `verb(0)` … `verb(count - 1)` in as many threads, which start together."""
    together = threading.Barrier(count)

    def run(number: int) -> T:
        try:
            together.wait()
            return verb(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


@pytest.fixture
def in_parallel() -> Callable[[int, Callable[[int], Any]], list[Any]]:
    return _in_parallel
