"""What an operator does to a job beyond cancel and retry: expire, move, quarantine, release; each is on record."""

from typing import Any

import pytest
from support.api import JOBS, Api, claimed, data_uri, file, finished, fits, png, problem

from sightline.audit.models import Entry
from sightline.jobs.claims import Failure
from sightline.jobs.models import Job
from sightline.jobs.services.fail import fail
from sightline.jobs.status import AttemptOutcome
from sightline.media.models import BlockedMedia

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_url")]


def act(api: Api, job: str, verb: str, body: Any = None) -> Any:
    return api.post(f"{JOBS}/{job}/{verb}", body if body is not None else {"reason": "a test"})


def scan(api: Api) -> str:
    answer = api.client.post(JOBS, {"kind": "ocr", "image": [file(png())]})
    assert answer.status_code == 202, answer.content
    job: str = answer.json()["id"]
    return job


def on_record(action: str, job: str) -> Entry:
    entry = Entry.objects.get(action=action)
    assert (entry.subject, entry.reason) == (job, "a test")
    assert entry.actor.startswith("key:")
    return entry


def test_a_job_is_expired_whether_it_waits_or_runs(api: Api) -> None:
    waiting = api.submit()["id"]
    answer = act(api, waiting, "expire")
    assert (answer.status_code, answer.json()["status"]) == (200, "expired")
    assert answer.json()["error"] == {"code": "expired", "message": "a test", "retryable": True}
    fits("JobView", answer.json())
    entry = on_record("job.expire", waiting)
    assert (entry.before, entry.after) == ({"status": "queued"}, {"status": "expired"})
    running = api.submit()["id"]
    taken = claimed()
    assert act(api, running, "expire").status_code == 202
    assert (
        fail(claim=taken, failure=Failure(outcome=AttemptOutcome.PERMANENT, code="x", message="no")) is None
    )
    assert act(api, running, "expire").status_code == 200, "harmless once more"
    assert Entry.objects.filter(action="job.expire").count() == 2
    assert api.post(f"{JOBS}/{running}/retry").status_code == 202


def test_a_waiting_job_takes_the_seats_of_another_kind(api: Api) -> None:
    first, second = api.submit()["id"], api.submit()["id"]
    answer = act(api, second, "move", {"seats": "gui", "reason": "a test"})
    assert answer.status_code == 200, answer.content
    fits("JobView", answer.json())
    assert (answer.json()["kind"], Job.objects.order_by("-id")[0].queue) == ("chat", "gui.default")
    entry = on_record("job.move", second)
    assert (entry.before, entry.after) == ({"seats": "chat"}, {"seats": "gui"})
    assert claimed("gui.default").public_id == second
    problem(act(api, second, "move", {"seats": "ocr"}), 409, "conflict")
    assert act(api, first, "move", {"seats": "chat"}).status_code == 200, "it does already"
    assert Entry.objects.filter(action="job.move").count() == 1
    act(api, first, "move", {"seats": "ocr"})
    act(api, first, "move", {"seats": "chat"})
    assert Job.objects.order_by("id")[0].seats == ""
    assert claimed().public_id == first


def test_a_job_is_not_moved_to_a_kind_that_its_key_may_not_use(api: Api) -> None:
    modest = Api(kinds=("chat",))
    job = modest.submit()["id"]
    problem(act(modest, job, "move", {"seats": "gui"}), 403, "kind_forbidden")
    problem(act(modest, job, "move", {"seats": "nonsense"}), 422, "invalid_input")


def test_a_job_that_is_being_prepared_moves_when_it_is(api: Api) -> None:
    images = [{"url": "https://example.com/a.png"}]
    job = api.post(JOBS, {"kind": "ocr", "input": {"images": images}}).json()["id"]
    assert act(api, job, "move", {"seats": "gui"}).status_code == 200
    row = Job.objects.get()
    assert (row.queue, row.seats) == ("prepare", "gui")


def test_a_quarantined_jobs_images_are_refused_until_it_is_released(api: Api) -> None:
    job = scan(api)
    answer = act(api, job, "quarantine")
    assert (answer.status_code, answer.json()["status"]) == (200, "quarantined")
    assert answer.json()["error"]["message"] == "a test"
    on_record("job.quarantine", job)
    again = {"kind": "ocr", "input": {"images": [{"data": data_uri(png())}]}}
    problem(api.post(JOBS, again), 422, "poisoned_input")
    problem(api.post(f"{JOBS}/{job}/retry"), 409, "conflict")
    problem(act(api, job, "quarantine"), 409, "conflict")

    released = act(api, job, "release")
    assert (released.status_code, released.json()["status"]) == (202, "queued")
    fits("JobAccepted", released.json())
    on_record("job.release", job)
    row = Job.objects.get()
    assert (row.queue, row.suspect, row.solo_kills) == ("probation.default", True, 0), "it runs alone"
    assert BlockedMedia.objects.get().released_by.startswith("key:")
    assert api.post(JOBS, again).status_code == 202
    problem(act(api, job, "release"), 409, "conflict")


def test_a_running_and_a_failed_job_are_quarantined_and_a_good_one_is_not(api: Api) -> None:
    running = api.submit()["id"]
    assert claimed() is not None
    assert act(api, running, "quarantine").json()["status"] == "quarantined"
    failed = api.submit()["id"]
    fail(claim=claimed(), failure=Failure(outcome=AttemptOutcome.PERMANENT, code="x", message="no"))
    assert act(api, failed, "quarantine").json()["status"] == "quarantined"
    good = api.submit()["id"]
    finished()
    problem(act(api, good, "quarantine"), 409, "conflict")


def test_only_an_admin_quarantines_and_nobody_acts_on_anothers_job(api: Api) -> None:
    job = api.submit()["id"]
    plain, other = Api(), Api("other", scopes=("submit", "read", "admin"))
    for verb in ("quarantine", "release"):
        problem(act(plain, job, verb), 403, "scope_missing")
    for verb in ("expire", "quarantine", "release", "retry"):
        problem(act(other, job, verb), 404, "not_found")
    problem(act(other, job, "move", {"seats": "gui"}), 404, "not_found")
    assert Job.objects.get().status == "queued"
    assert not Entry.objects.filter(action__startswith="job.").exists()
