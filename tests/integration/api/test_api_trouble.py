"""The native API in trouble, and what it costs."""

import json
from typing import Any

import pytest
from django.conf import settings
from django.db import IntegrityError, OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from support.api import CHAT, JOBS, Api, png, problem

from sightline.fleet.models import EngineState, Group
from sightline.jobs.models import Job

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_url")]


def test_a_locked_database_is_unavailable(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(**_: Any) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr("sightline.api.native.intake.submit", locked)
    answer = api.post(JOBS, CHAT)
    assert problem(answer, 503, "unavailable")["retryable"] is True
    assert answer["Retry-After"] == "1"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (IntegrityError("violates foreign key constraint"), 503, "unavailable"),
        (Job.DoesNotExist("gone"), 404, "not_found"),
        (FileNotFoundError("gone"), 404, "not_found"),
        (OSError(24, "Too many open files"), 503, "unavailable"),
    ],
)
def test_what_changes_under_a_request_is_no_error_of_the_server(
    api: Api, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, code: str
) -> None:
    def broken(**_: Any) -> None:
        raise error

    job = api.submit()["id"]
    monkeypatch.setattr("sightline.api.native.actions.cancel", broken)
    answer = api.post(f"{JOBS}/{job}/cancel")
    problem(answer, status, code)
    assert ("Retry-After" in answer) is (status == 503)


def test_the_unforeseen_is_a_problem_with_a_trace(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: Any) -> None:
        raise ValueError("secret detail")

    monkeypatch.setattr("sightline.api.native.intake.submit", broken)
    found = problem(api.post(JOBS, CHAT), 500, "internal_error")
    assert "secret" not in json.dumps(found)


def test_a_submission_costs_few_statements(api: Api) -> None:
    upload = api.client.post("/api/v1/uploads", png(), content_type="image/png").json()["id"]
    body = {"kind": "ocr", "input": {"images": [{"upload_id": upload}]}}
    api.post(JOBS, body)  # measures the fleet, touches the key
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert api.post(JOBS, body).status_code == 202
    statements = [query["sql"] for query in captured.captured_queries]
    # The key; the upload and whether it is blocked; BEGIN, turn, job, event, link to the upload, COMMIT; the place
    # in the queue.
    assert len(statements) <= 10, "\n".join(statements)


def test_health_needs_nothing_and_readiness_the_database(api: Api) -> None:
    assert Client().get("/healthz").json() == {"status": "ok"}
    Group.objects.create(
        id="g@h", name="g", host="h", tag="default", seats={"chat": 1}, state=EngineState.LIVE
    )
    found = Client().get("/readyz").json()
    assert (found["status"], found["broker"], found["engines_live"]) == ("ready", "ok", 1)


@pytest.mark.parametrize("state", EngineState.values)
def test_every_state_of_an_engine_is_told_apart(api: Api, state: str) -> None:
    Group.objects.create(id="g@h", name="g", host="h", tag="default", state=state, detail="because")
    told = [(engine["state"], engine["detail"]) for engine in Client().get("/readyz").json()["engines"]]
    assert told == ([] if state == EngineState.STOPPED else [(state, "because")])
    text = api.client.get("/metrics").content.decode()
    values = {
        other: f'sightline_engine_state{{gpu="",group="g@h",state="{other}",tag="default"}} {float(other == state)}'
        for other in EngineState.values
    }
    assert [other for other, line in values.items() if line not in text] == []


def test_metrics_are_for_the_token_and_for_admins(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    from sightline.telemetry import metrics

    api.submit()
    metrics.observe_ended(kind="chat", tag="default", status="succeeded", queue_wait_s=0.2, run_s=1.5)
    metrics.count_attempt(outcome="succeeded", group="g@h")
    text = api.client.get("/metrics").content.decode()
    assert 'sightline_queue_depth{queue="chat.default"} 1.0' in text
    assert 'sightline_jobs_total{kind="chat",status="succeeded",tag="default"} 1.0' in text
    assert 'sightline_queue_wait_seconds_bucket{kind="chat",le="0.25",tag="default"} 1.0' in text
    assert 'sightline_run_seconds_sum{kind="chat",tag="default"} 1.5' in text
    problem(Api("plain").client.get("/metrics"), 403, "scope_missing")
    monkeypatch.setattr(settings, "METRICS_TOKEN", "hunter2")
    assert Client(headers={"authorization": "Bearer hunter2"}).get("/metrics").status_code == 200
