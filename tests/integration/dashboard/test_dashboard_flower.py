"""Flower's settings, read as Flower reads them."""

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import sightline_dashboard

CONFIG = str(Path(sightline_dashboard.__file__).with_name("flowerconfig.py"))


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLOWER_BASIC_AUTH", raising=False)
    monkeypatch.delenv("FLOWER_UNAUTHENTICATED_API", raising=False)


def test_flower_does_not_start_without_a_password() -> None:
    with pytest.raises(SystemExit, match="without a password"):
        runpy.run_path(CONFIG)


def test_an_empty_password_is_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWER_BASIC_AUTH", "operator:")
    with pytest.raises(SystemExit, match="without a password"):
        runpy.run_path(CONFIG)


def test_an_open_api_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWER_BASIC_AUTH", "operator:secret")
    monkeypatch.setenv("FLOWER_UNAUTHENTICATED_API", "true")
    with pytest.raises(SystemExit, match="UNAUTHENTICATED_API"):
        runpy.run_path(CONFIG)


def test_every_setting_is_an_option_of_flower(settings: Any) -> None:
    from flower.options import options

    settings.FLOWER_PASSWORD = "secret"
    config = runpy.run_path(CONFIG)
    assert config["basic_auth"] == ["operator:secret"]
    assert config["persistent"] is False
    imported = {"hashlib", "hmac", "os", "re", "settings"}
    names = {name for name in config if not name.startswith("_")} - imported
    assert names <= set(options.as_dict())


def test_the_result_names_the_job(settings: Any) -> None:
    settings.FLOWER_PASSWORD = "secret"
    format_task = runpy.run_path(CONFIG)["format_task"]
    told = "{'job': 'job_01M7XNP3N7E0A80GFZ7JW4D5XW', 'status': 'succeeded'}"
    assert format_task(SimpleNamespace(result=told, state="SUCCESS")).result.endswith("5XW succeeded")
    assert format_task(SimpleNamespace(result="None", state="SUCCESS")).result == "surplus wake-up"
    assert format_task(SimpleNamespace(result=None, state="STARTED")).result is None
