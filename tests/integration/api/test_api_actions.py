"""What can be done to a job and to a queue."""

import json
from typing import Any

import pytest
from django.utils import timezone
from support.api import JOBS, Api, claimed, finished, fits, problem

from sightline.audit.models import Entry
from sightline.fleet.models import EngineState, Group, Intake
from sightline.jobs import eta
from sightline.jobs.claims import Failure
from sightline.jobs.models import Job
from sightline.jobs.services.fail import fail
from sightline.jobs.status import AttemptOutcome

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_url")]


def test_cancelling_answers_by_what_it_found(api: Api) -> None:
    waiting = api.submit()["id"]
    answer = api.post(f"{JOBS}/{waiting}/cancel")
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    running = api.submit()["id"]
    assert claimed() is not None
    assert api.post(f"{JOBS}/{running}/cancel").status_code == 202
    again = api.post(f"{JOBS}/{running}/cancel")
    assert again.status_code == 200
    fits("JobView", again.json())


def test_retrying_needs_an_ended_job(api: Api) -> None:
    job = api.submit()["id"]
    problem(api.post(f"{JOBS}/{job}/retry"), 409, "conflict")
    fail(claim=claimed(), failure=Failure(outcome=AttemptOutcome.PERMANENT, code="x", message="no"))
    answer = api.post(f"{JOBS}/{job}/retry")
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")


def test_erasing_leaves_a_tombstone(api: Api) -> None:
    job = api.submit(tags=["a"])["id"]
    problem(api.client.delete(f"{JOBS}/{job}"), 409, "conflict")
    finished()
    assert api.client.delete(f"{JOBS}/{job}").status_code == 204
    assert api.client.delete(f"{JOBS}/{job}").status_code == 204
    for path in ("", "?wait=5", "/explain", "/media/0"):
        problem(api.client.get(f"{JOBS}/{job}{path}"), 410, "output_expired")
    problem(api.post(f"{JOBS}/{job}/retry"), 410, "output_expired")
    row = Job.objects.get()
    assert (row.input, row.output, row.status) == ({}, None, "succeeded")
    assert api.client.get(f"{JOBS}?tag=a").json()["data"] == []


def test_explain_names_what_blocks(api: Api) -> None:
    first, second = api.submit()["id"], api.submit()["id"]

    def cause(job: str) -> str:
        eta.forget()
        answer = api.client.get(f"{JOBS}/{job}/explain")
        fits("Explanation", answer.json())
        found: str = answer.json()["blocking"]["cause"]
        return found

    assert cause(second) == "no_group"
    group = Group.objects.create(
        id="g@h", name="g", host="h", tag="default", seats={"chat": 1}, state=EngineState.STARTING
    )
    assert cause(second) == "engine_not_live"
    Group.objects.update(state=EngineState.LIVE, intake=Intake.OPEN, seats={"chat": 0, "gui": 1})
    assert cause(second) == "no_seats"
    Group.objects.update(seats={"chat": 1})
    assert cause(second) == "jobs_ahead"
    assert cause(first) == "none"
    api.client.patch("/api/v1/queues/chat", '{"paused": true}', content_type="application/json")
    assert cause(first) == "queue_paused"
    api.client.patch("/api/v1/queues/chat", '{"paused": false}', content_type="application/json")
    running = claimed()
    assert cause(second) == "seats_busy"
    fail(claim=running, failure=Failure(outcome=AttemptOutcome.TRANSIENT, code="x", message="no"))
    assert cause(first) == "backoff"
    Group.objects.filter(pk=group.pk).update(drained_at=timezone.now(), intake=Intake.CLOSED)
    assert cause(second) == "drained"


def test_a_queue_shows_what_waits_and_can_be_paused(api: Api) -> None:
    api.submit()
    read = api.client.get("/api/v1/queues/chat").json()
    fits("QueueState", read)
    assert (read["depth"], read["paused"]) == (1, False)
    paused = api.client.patch(
        "/api/v1/queues/chat", '{"paused": true}', content_type="application/json"
    ).json()
    assert paused["paused"] is True
    assert claimed() is None
    assert api.submit()["status"] == "queued"
    problem(api.client.get("/api/v1/queues/nope"), 404, "not_found")
    problem(
        api.client.patch("/api/v1/queues/chat", '{"pause": 1}', content_type="application/json"),
        422,
        "unknown_field",
    )


def test_a_kind_is_drained_what_runs_ends_and_nothing_new_starts(api: Api) -> None:
    api.submit()
    api.submit()
    running = claimed()
    word = {"drained": True, "reason": "the scanner is being mended"}

    def patched(word: Any) -> Any:
        eta.forget()
        return api.client.patch("/api/v1/queues/chat", json.dumps(word), content_type="application/json")

    draining = patched(word).json()
    fits("QueueState", draining)
    assert (draining["paused"], draining["in_flight"], draining["depth"]) == (True, 1, 1)
    assert claimed() is None
    assert api.submit()["status"] == "queued"
    fail(claim=running, failure=Failure(outcome=AttemptOutcome.PERMANENT, code="x", message="no"))
    eta.forget()
    drained = api.client.get("/api/v1/queues/chat").json()
    assert (drained["in_flight"], drained["depth"]) == (0, 2)
    entry = Entry.objects.get(action="queue.pause")
    assert (entry.subject, entry.reason) == ("chat.default", "the scanner is being mended")
    for both in ({"paused": True, "drained": True}, {"reason": "none"}):
        problem(patched(both), 422, "invalid_input")
    assert patched({"drained": False}).json()["paused"] is False
    assert claimed() is not None
