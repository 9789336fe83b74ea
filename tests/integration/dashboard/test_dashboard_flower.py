"""Flower's settings, read as Flower reads them."""

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from support.site import answer, serving

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


def test_only_staff_who_may_see_the_fleet_get_to_flower_and_only_to_what_looks(
    stage: Any, operator: Client, settings: Any
) -> None:
    settings.FLOWER_PASSWORD = "secret"
    with serving() as flower:
        settings.FLOWER_UPSTREAM = flower.url("")
        flower.pages["/flower/tasks"] = answer(b"<html><body>tasks</body></html>", Content_Type="text/html")
        flower.pages["/flower/tasks/datatable"] = answer(b"{}", Content_Type="application/json")
        assert Client().get("/flower/tasks").headers["Location"] == "/admin/login/?next=/flower/tasks"
        assert stage.browser_of("visitor", "view_group", staff=False).get("/flower/tasks").status_code == 302
        assert stage.browser_of("clerk").get("/flower/tasks").status_code == 403
        for path in ("metrics", "api/tasks", "api/worker/shutdown/x", "task/../metrics", "logout"):
            assert operator.get(f"/flower/{path}").status_code == 404, path
        assert operator.post("/flower/tasks").status_code == 405
        assert flower.seen == []
        page = stage.browser_of("viewer", "view_group").get("/flower/tasks", headers={"Cookie2": "x"})
        assert (page.status_code, page["Cache-Control"]) == (200, "no-store")
        assert "script-src 'self';" in page["Content-Security-Policy"]
        assert "sightline_dashboard/flower" in page.text
        assert operator.post("/flower/tasks/datatable", {"draw": "1"}).text == "{}"
        for seen in flower.seen:
            assert seen.headers["authorization"] == "Basic b3BlcmF0b3I6c2VjcmV0"
            assert "cookie" not in seen.headers, "a session is nobody else's to see"
        assert b"draw" in flower.seen[-1].body


def test_flower_that_is_away_is_said_so(operator: Client, settings: Any) -> None:
    settings.FLOWER_PASSWORD = "secret"
    with serving() as flower:
        settings.FLOWER_UPSTREAM = flower.url("")
        flower.pages["/flower/workers"] = answer(b"Access denied", 401)
        page = operator.get("/flower/workers")
        assert (page.status_code, "another password" in page.text) == (503, True)
    assert operator.get("/flower/workers").text == "Flower does not answer."


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
