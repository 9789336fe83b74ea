"""Two jobs side by side over the API."""

from typing import Any

import pytest
from support.api import JOBS, Api, claimed, data_uri, finished, fits, png, problem

from sightline.jobs.claims import Result
from sightline.jobs.services.finish import finish

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_url")]

GUI = {"kind": "gui", "input": {"instruction": "Save", "images": [{"data": data_uri(png())}]}}


def compared(api: Api, first: str, second: str) -> dict[str, Any]:
    answer = api.client.get(f"{JOBS}/{first}/compare", {"with": second})
    assert answer.status_code == 200, answer.content
    fits("ComparisonView", answer.json())
    found: dict[str, Any] = answer.json()
    return found


def clicked(x: int, y: int, *, tokens: int, ms: float) -> None:
    """The job that comes next ends with a click there."""
    output = {
        "arguments": {"action": "left_click", "coordinate": [x, y]},
        "resolved": {"image": {"width": 64, "height": 48}, "point_px": [x, y]},
        "raw": f"click {x} {y}",
    }
    usage = {"input_tokens": 100, "image_tokens": 50, "output_tokens": tokens}
    timings = {"prepare": 1.0, "ttft": 2.0, "decode": ms, "total": ms + 3}
    result = Result(output=output, complete=True, finish_reason="stop", usage=usage, timings=timings)
    assert finish(claim=claimed("gui.default"), result=result)


def test_a_replay_is_compared_with_its_original(api: Api) -> None:
    first = api.post(JOBS, GUI).json()["id"]
    clicked(10, 10, tokens=20, ms=40.0)
    second = api.post(f"{JOBS}/{first}/replay", {"params": {"temperature": 0.5}}).json()["id"]
    clicked(13, 14, tokens=30, ms=20.0)
    found = compared(api, first, second)
    assert (found["kind"], found["ended"], found["first"]["id"], found["second"]["id"]) == (
        "gui",
        True,
        first,
        second,
    )
    assert found["asked"] == [{"name": "params.temperature", "first": None, "second": 0.5}]
    assert (found["action"]["distance_px"], found["action"]["same_place"]) == (5.0, True)
    assert found["error_rate"] == pytest.approx(2 / len("click 10 10"))
    changes = {row["name"]: row["change"] for row in [*found["tokens"], *found["phases"]]}
    assert (changes["output_tokens"], changes["decode"]) == (0.5, -0.5)


def test_a_job_that_still_waits_is_compared_in_what_was_asked(api: Api) -> None:
    first = api.submit()["id"]
    finished()
    second = api.post(f"{JOBS}/{first}/replay", {"params": {"max_tokens": 9}}).json()["id"]
    found = compared(api, first, second)
    assert (found["ended"], found["text"], found["error_rate"]) == (False, None, None)
    assert [row["name"] for row in found["asked"]] == ["params.max_tokens"]


def test_another_tenants_job_is_as_unknown_as_one_that_never_was(api: Api) -> None:
    mine, theirs = api.submit()["id"], Api("other").submit()["id"]
    problem(api.client.get(f"{JOBS}/{mine}/compare", {"with": theirs}), 404, "not_found")
    problem(api.client.get(f"{JOBS}/{theirs}/compare", {"with": mine}), 404, "not_found")
    problem(api.client.get(f"{JOBS}/{mine}/compare", {"with": "job_nonsense"}), 404, "not_found")


def test_what_cannot_be_compared_is_refused_with_a_sentence(api: Api) -> None:
    chat, gui = api.submit()["id"], api.post(JOBS, GUI).json()["id"]
    for query in ({}, {"with": gui}):
        found = problem(api.client.get(f"{JOBS}/{chat}/compare", query), 422, "invalid_input")
        assert found["errors"][0]["pointer"] == "?with"
    finished()
    api.client.delete(f"{JOBS}/{chat}")
    other = api.submit(input={"prompt": "again"})["id"]
    problem(api.client.get(f"{JOBS}/{other}/compare", {"with": chat}), 410, "output_expired")


def test_comparing_needs_a_key_that_may_read(api: Api) -> None:
    job = api.submit()["id"]
    only_submits = Api("t", scopes=("submit",))
    problem(only_submits.client.get(f"{JOBS}/{job}/compare", {"with": job}), 403, "scope_missing")
