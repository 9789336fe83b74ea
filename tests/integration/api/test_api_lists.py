"""Lists of jobs: pages and filters."""

import pytest
from support.api import JOBS, Api, data_uri, finished, fits, png, problem

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_url")]


def test_pages_hold_while_jobs_are_added(api: Api) -> None:
    made = [api.submit(tags=["a"] if n % 2 else [])["id"] for n in range(7)]
    first = api.client.get(f"{JOBS}?limit=3").json()
    fits("JobList", first)
    api.submit()
    second = api.client.get(f"{JOBS}?limit=3&cursor={first['next_cursor']}").json()
    third = api.client.get(f"{JOBS}?limit=3&cursor={second['next_cursor']}").json()
    assert [job["id"] for page in (first, second, third) for job in page["data"]] == made[::-1]
    assert (third["has_more"], third["next_cursor"]) == (False, None)


def test_filters_narrow_the_list(api: Api) -> None:
    chat = api.submit(tags=["a", "b"])
    ocr = api.post(JOBS, {"kind": "ocr", "input": {"images": [{"data": data_uri(png())}]}}).json()
    finished()

    def listed(query: str) -> list[str]:
        answer = api.client.get(f"{JOBS}?{query}")
        assert answer.status_code == 200, answer.content
        return [job["id"] for job in answer.json()["data"]]

    assert listed("kind=ocr") == [ocr["id"]]
    assert listed("tag=b") == [chat["id"]]
    assert listed("tag=c") == []
    assert listed("status=succeeded") == [chat["id"]]
    assert listed("status=queued,succeeded") == [ocr["id"], chat["id"]]
    assert listed("model=default&kind=chat") == [chat["id"]]
    assert listed(f"created_after={chat['created_at']}") in ([ocr["id"]], [ocr["id"], chat["id"]])
    assert listed("created_after=2999-01-01") == []
    assert listed("created_before=2999-01-01T00:00:00Z") == [ocr["id"], chat["id"]]
    problem(api.client.get(f"{JOBS}?session=x"), 422, "unknown_field")
