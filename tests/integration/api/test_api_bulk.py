"""Acts on many jobs over REST: choose, look, run, stop."""

import pytest
from support.api import Api, claimed, fits, problem

from sightline.cli.bulk import ACTIONS
from sightline.jobs.claims import Failure
from sightline.jobs.models import Job
from sightline.jobs.services.fail import fail
from sightline.jobs.status import AttemptOutcome
from sightline.triage import bulk
from sightline.triage.verbs import VERBS

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_url")]

BULK = "/api/v1/bulk"


@pytest.fixture
def failed(api: Api) -> list[str]:
    """Four jobs that failed."""
    jobs = [api.submit()["id"] for _ in range(4)]
    for _ in jobs:
        fail(claim=claimed(), failure=Failure(outcome=AttemptOutcome.PERMANENT, code="x", message="no"))
    return jobs


def test_a_selection_is_chosen_then_run_then_listed(api: Api, failed: list[str]) -> None:
    answer = api.post(BULK, {"action": "retry", "search": "status:failed", "reason": "the disk is back"})
    assert answer.status_code == 201
    chosen = answer.json()
    fits("BulkView", chosen)
    assert (chosen["state"], chosen["total"], chosen["summary"]["by_kind"]) == ("frozen", 4, {"chat": 4})
    assert set(Job.objects.values_list("status", flat=True)) == {"failed"}
    path = answer["Location"]
    started = api.post(f"{path}/run")
    assert (started.status_code, started.json()["state"]) == (202, "canary")
    bulk.advance()
    assert api.client.get(path).json()["outcomes"] == {"queued": 3}
    items = api.client.get(f"{path}/items?state=done&limit=2").json()
    fits("BulkItems", items)
    assert [item["job"] for item in items["data"]] == failed[:2]
    rest = api.client.get(f"{path}/items?state=done&limit=2&cursor={items['next_cursor']}").json()
    assert ([item["job"] for item in rest["data"]], rest["has_more"]) == ([failed[2]], False)
    stopped = api.post(f"{path}/stop")
    assert (stopped.status_code, stopped.json()["state"]) == (200, "stopped")
    problem(api.post(f"{path}/run"), 409, "conflict")
    fits("BulkList", api.client.get(BULK).json())


@pytest.mark.parametrize(
    "asked",
    [
        {"action": "retry", "search": "stauts:failed"},
        {"action": "retry", "search": ""},
        {"action": "burn", "search": "status:failed"},
    ],
)
def test_what_cannot_be_meant_is_refused(api: Api, failed: list[str], asked: dict[str, str]) -> None:
    problem(api.post(BULK, asked), 422, "invalid_input")


def test_a_search_with_nothing_to_act_on_is_refused_by_what_there_is(api: Api, failed: list[str]) -> None:
    asked = {"action": "retry", "search": "kind:gui"}
    assert problem(api.post(BULK, asked), 422, "nothing_matches")["detail"] == "No job matches this search."
    asked = {"action": "cancel", "search": "status:failed"}
    found = problem(api.post(BULK, asked), 422, "nothing_matches")
    assert found["detail"] == "No job that matches can be cancelled."


def test_another_tenant_neither_sees_nor_touches_it(api: Api, failed: list[str]) -> None:
    path = api.post(BULK, {"action": "retry", "search": "status:failed"})["Location"]
    other = Api(tenant="other", scopes=("submit", "read", "admin"))
    for answer in (
        other.client.get(path),
        other.client.get(f"{path}/items"),
        other.post(f"{path}/run"),
        other.post(f"{path}/stop"),
    ):
        problem(answer, 404, "not_found")
    found = problem(other.post(BULK, {"action": "retry", "search": "status:failed"}), 422, "nothing_matches")
    assert found["detail"] == "No job matches this search."


def test_setting_many_jobs_aside_and_taking_them_back_needs_the_scope_of_one(
    api: Api, failed: list[str]
) -> None:
    member = Api(scopes=("submit", "read"))
    problem(member.post(BULK, {"action": "quarantine", "search": "status:failed"}), 403, "scope_missing")
    aside = api.post(BULK, {"action": "quarantine", "search": "status:failed", "reason": "a bad scan"})
    problem(member.post(f"{aside['Location']}/run"), 403, "scope_missing")
    api.post(f"{aside['Location']}/run")
    for _ in range(4):
        bulk.advance()
    assert api.client.get(aside["Location"]).json()["outcomes"] == {"quarantined": 4}
    assert {job.error["message"] for job in Job.objects.all()} == {"a bad scan"}
    back = api.post(BULK, {"action": "release", "search": "status:quarantined"})["Location"]
    assert api.post(f"{back}/run").status_code == 202
    bulk.advance()
    found = api.client.get(back).json()
    assert (found["state"], found["outcomes"]) == ("canary", {"queued": 3}), "three run first, alone"


def test_the_command_line_offers_what_the_api_does() -> None:
    assert set(ACTIONS) == set(VERBS)
