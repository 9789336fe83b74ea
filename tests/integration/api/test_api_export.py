"""A tenant's jobs as one file, and the search over REST."""

import csv
import io
import json

import pytest
from support.api import JOBS, Api, finished, problem

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_url")]


def test_an_export_holds_the_jobs_of_the_tenant_alone(api: Api) -> None:
    first, second = api.submit(tags=["a"]), api.submit()
    finished()
    other = Api("other").submit()
    answer = api.client.get(f"{JOBS}/export")
    assert answer["Content-Type"] == "application/jsonl"
    lines = [json.loads(line) for line in b"".join(answer).splitlines()]
    assert [line["id"] for line in lines] == [second["id"], first["id"]]
    assert lines[1]["usage"]["output_tokens"] > 0
    assert "tenant" not in lines[0]
    assert other["id"] not in str(lines)
    answer = api.client.get(f"{JOBS}/export?format=csv&tag=a")
    rows = list(csv.DictReader(io.StringIO(b"".join(answer).decode())))
    assert [(row["id"], row["status"], row["tags"]) for row in rows] == [(first["id"], "succeeded", "a")]


def test_the_search_of_the_admin_works_over_rest(api: Api) -> None:
    first, second = api.submit(tags=["a"]), api.submit()
    finished()

    def listed(words: str) -> list[str]:
        return [job["id"] for job in api.client.get(JOBS, {"search": words}).json()["data"]]

    assert listed("tag:a -status:queued") == [first["id"]]
    assert listed("kind:chat") == [second["id"], first["id"]]
    assert listed("tenant:other") == []
    refusal = problem(api.client.get(JOBS, {"search": "staus:x"}), 422, "invalid_input")
    assert refusal["errors"][0]["pointer"] == "?search"
    problem(api.client.get(f"{JOBS}/export", {"format": "xlsx"}), 422, "invalid_input")
    problem(api.client.get(f"{JOBS}/export", {"limit": "5"}), 422, "unknown_field")
    rest = b"".join(api.client.get(f"{JOBS}/export", {"cursor": second["id"]}))
    assert [json.loads(line)["id"] for line in rest.splitlines()] == [first["id"]]
