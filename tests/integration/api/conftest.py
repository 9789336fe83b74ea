"""Fixtures of the tests of the native API."""

import pytest
from support.api import Api

from sightline.jobs import eta


@pytest.fixture(autouse=True)
def _measured_anew() -> None:
    eta.forget()


@pytest.fixture
def api() -> Api:
    return Api(scopes=("submit", "read", "admin"))
