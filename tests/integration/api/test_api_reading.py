"""Reading one job: its result, its ETag, ids that are none."""

import pytest
from support.api import JOBS, Api, finished, fits, problem

from sightline import ids

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_url")]


def test_an_ended_job_shows_what_came_out(api: Api) -> None:
    job = api.submit()["id"]
    finished()
    read = api.client.get(f"{JOBS}/{job}").json()
    fits("JobView", read)
    assert read["status"] == "succeeded"
    assert read["output"] == {"text": "x"}
    assert read["attempts"][0]["outcome"] == "succeeded"
    assert read["usage"]["output_tokens"] == 2


def test_an_etag_saves_the_second_answer(api: Api) -> None:
    job = api.submit()["id"]
    first = api.client.get(f"{JOBS}/{job}")
    again = api.client.get(f"{JOBS}/{job}", headers={"if-none-match": f'W/"x", W/{first["ETag"]}'})
    assert again.status_code == 304
    assert again.content == b""
    finished()
    assert api.client.get(f"{JOBS}/{job}", headers={"if-none-match": first["ETag"]}).status_code == 200


@pytest.mark.parametrize("wait", ["x", "-1", "nan", "1e3", ""])
def test_a_wait_that_is_no_number_is_refused(api: Api, wait: str) -> None:
    problem(api.client.get(f"{JOBS}/{api.submit()['id']}?wait={wait}"), 422, "invalid_input")


def test_ids_that_are_none_are_not_found(api: Api) -> None:
    for name in ("x", "job_", "up_" + "0" * 26, "job_" + "U" * 26, ids.encode(ids.JOB, ids.new_id())):
        problem(api.client.get(f"{JOBS}/{name}"), 404, "not_found")
