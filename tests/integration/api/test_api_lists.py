"""Lists of jobs: pages and filters."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from support.api import JOBS, Api, claimed, data_uri, finished, fits, png, problem

from sightline.jobs.claims import Failure
from sightline.jobs.services.fail import fail
from sightline.jobs.status import AttemptOutcome

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
    problem(api.client.get(f"{JOBS}?colour=red"), 422, "unknown_field")


def test_failures_are_found_by_their_fingerprint(api: Api) -> None:
    other = api.submit()
    fail(claim=claimed(), failure=Failure(outcome=AttemptOutcome.PERMANENT, code="x", message="no"))
    job = api.submit()
    fail(claim=claimed(), failure=Failure(outcome=AttemptOutcome.PERMANENT, code="y", message="no"))
    shown = api.client.get(f"{JOBS}/{job['id']}").json()
    fits("JobView", shown)
    fingerprint = shown["attempts"][0]["error"]["fingerprint"]
    listed = api.client.get(f"{JOBS}?fingerprint={fingerprint}").json()["data"]
    assert [row["id"] for row in listed] == [job["id"]] != [other["id"]]
    assert Api("other").client.get(f"{JOBS}?fingerprint={fingerprint}").json()["data"] == []
    problem(api.client.get(f"{JOBS}?fingerprint=x"), 422, "invalid_input")


def test_every_job_is_listed_once_while_others_are_submitted_and_erased(api: Api) -> None:
    made = [api.submit()["id"] for _ in range(9)]
    for _ in made:
        finished()
    seen: list[str] = []
    query = "limit=2"
    while True:
        page = api.client.get(f"{JOBS}?{query}").json()
        seen += [row["id"] for row in page["data"]]
        if not page["has_more"]:
            break
        api.submit()
        api.client.delete(f"{JOBS}/{page['data'][-1]['id']}")  # the very job that the cursor names
        query = f"limit=2&cursor={page['next_cursor']}"
    assert seen == made[::-1]


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize(
    "query",
    [
        "",
        "status=failed",
        "kind=chat",
        "tag=a",
        "fingerprint=0123456789abcdef",
        "created_after=2026-01-01T00:00:00Z",
        "cursor=job_01JABCDEFGHJKMNPQRSTVWXYZ0",
    ],
)
def test_filters_read_an_index(api: Api, query: str) -> None:
    with CaptureQueriesContext(connection) as captured:
        assert api.client.get(f"{JOBS}?{query}").status_code == 200
    (listing,) = [item["sql"] for item in captured if "ORDER BY" in item["sql"] and "jobs_job" in item["sql"]]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {listing}")
        plan = [str(row[3]) for row in cursor.fetchall()]
    assert not [step for step in plan if step.startswith("SCAN jobs_")], plan
    assert "USE TEMP B-TREE FOR ORDER BY" not in plan or query.startswith(("tag", "fingerprint")), plan
