"""Rows 3, 4 and 10 of the fault matrix: engines that die, hang or misbehave, and the job that makes them die."""

import signal
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from support.bodies import KINDS, body
from support.platform import TENANTS, Platform
from support.waiting import until

from sightline.fleet.models import EngineState

POISON = 0xBAD
"""As in `conftest.py`: the picture with this number kills the engines of the shared platform."""


def _restarts(platform: Platform) -> int:
    return sum(row["restarts"] for row in platform.groups().values())


def _aboard(platform: Platform, count: int) -> dict[str, str]:
    """So many gui jobs, held in an engine; the group of each. With 5, each group has 2 at least."""
    client = platform.client()
    platform.hold()
    jobs = [client.submit(body("gui", 100 + n)) for n in range(count)]
    until(lambda: platform.running() == count, what="all jobs run")
    until(
        lambda: sum(platform.twin(name).aboard() for name in platform.group_names) >= count,
        what="all jobs are aboard an engine",
    )
    return {job: (platform.worker_of(job) or ("", ""))[0] for job in jobs}


@pytest.mark.row(3)
def test_a_killed_engine_costs_its_jobs_no_try(platform: Platform) -> None:
    client = platform.client()
    before = _restarts(platform)
    jobs = _aboard(platform, 5)
    assert platform.signal("gpu0", "engine", signal.SIGKILL)
    platform.twin("gpu1").heal()
    assert {client.wait(job)["status"] for job in jobs} == {"succeeded"}
    assert {platform.job(job)["tries"] for job in jobs} == {0}
    crashed = {job for job in jobs if platform.job(job)["crashes"]}
    assert crashed == {job for job, group in jobs.items() if group == "gpu0"}
    assert _restarts(platform) == before + 1


@pytest.mark.row(3)
@pytest.mark.parametrize("how", ["frozen", "hung"])
def test_a_hung_engine_is_noticed_killed_and_started_again(platform: Platform, how: str) -> None:
    """`/health` of a hung engine may still answer 200: only tokens count."""
    client = platform.client()
    before, pid = _restarts(platform), platform.pid("gpu0", "engine")
    jobs = _aboard(platform, 5)
    if how == "frozen":
        platform.signal("gpu0", "engine", signal.SIGSTOP)
    else:
        platform.twin("gpu0").faults(hang=True)
    platform.twin("gpu1").heal()
    assert {client.wait(job)["status"] for job in jobs} == {"succeeded"}
    assert {platform.job(job)["tries"] for job in jobs} == {0}
    until(lambda: _restarts(platform) == before + 1, what="the engine is started again")
    until(lambda: platform.intakes()["gpu0"] == "open", what="the engine is back")
    assert platform.pid("gpu0", "engine") != pid


@pytest.mark.row(3)
def test_an_engine_tells_its_states_in_order(platform: Platform) -> None:
    """`sightline group` prints each state that it writes to its row, where `/readyz` and the metrics read it."""
    with platform.only_group("gpu7", env={"SIGHTLINE_ENGINE_DEATHS": "2"}):

        def states() -> list[str]:
            lines = [line.removeprefix("engine ") for line in platform.log("gpu7").splitlines()]
            return [line for line in lines if line.partition(":")[0] in EngineState.values]

        def live(times: int) -> None:
            until(lambda: states().count("live") == times, what=f"the engine is live for time {times}")

        platform.twin("gpu7").faults(hang=True)
        live(2)
        platform.signal("gpu7", "engine", signal.SIGKILL)
        live(3)
        platform.signal("gpu7", "engine", signal.SIGKILL)
        until(lambda: platform.groups()["gpu7"]["state"] == "failed", what="it died too often")
        ready = httpx.get(f"{platform.url}/readyz", timeout=30.0).json()
        (told,) = [engine for engine in ready["engines"] if engine["group"] == f"gpu7@{platform.host}"]
        assert (told["state"], told["intake"], told["restarts"]) == ("failed", "closed", 3)
        assert "3 times within ten minutes" in told["detail"]
        assert ready["status"] == "ready", "jobs are accepted all the same"
        assert [line.partition(":")[0] for line in states()] == [
            *("starting", "live", "hung", "restarting", "starting", "live", "restarting", "starting", "live"),
            "failed",
        ]


@pytest.mark.row(3)
def test_engine_failures_are_classified_and_retried(platform: Platform) -> None:
    """Busy and reset spend a try, a loop is incomplete, and `max_attempts` ends it."""
    client = platform.client()
    twins = [platform.twin(name) for name in platform.group_names]

    def all_twins(**switches: int) -> None:
        for twin in twins:
            twin.faults(**switches)

    def tries_under(fault: str) -> int:
        all_twins(**{fault: 1})
        job = client.submit(body("chat", 200))
        assert client.wait(job)["status"] == "succeeded"
        return int(platform.job(job)["tries"])

    for fault in ("busy", "reset"):
        # A canary may be hit instead of the job: then the next one is.
        until(lambda: tries_under(fault), what=f"a try lost to {fault}")  # noqa: B023
        all_twins(**{fault: 0})
    all_twins(loop=-1)
    looping = client.submit(body("ocr", 201))
    assert client.wait(looping)["status"] == "incomplete"
    all_twins(loop=0, busy=-1)
    hopeless = client.submit(body("chat", 202, max_attempts=1))
    assert client.wait(hopeless)["status"] == "failed"
    all_twins(busy=0)


@pytest.mark.row(4)
def test_one_poison_image_among_200_jobs_is_quarantined_alone(platform: Platform) -> None:
    before = _restarts(platform)
    clients = [platform.client(tenant) for tenant in TENANTS]
    poisoned = body("gui", POISON)

    def submit(number: int) -> str:
        job = clients[number % 3].submit(
            poisoned if number == 60 else body(KINDS[number % 3], 5_000 + number)
        )
        if number == 60:
            platform.guilty.add(job)
        return job

    with ThreadPoolExecutor(4) as pool:
        jobs = list(pool.map(submit, range(200)))
    statuses = [clients[number % 3].wait(job)["status"] for number, job in enumerate(jobs)]
    assert statuses[60] == "quarantined"
    assert set(statuses[:60] + statuses[61:]) == {"succeeded"}
    assert _restarts(platform) - before <= 3
    until(lambda: set(platform.intakes().values()) == {"open"}, what="both groups take jobs again")

    owner = clients[0]
    refused = owner.post(poisoned, "poison-again")
    assert refused is not None
    assert (refused.status_code, refused.json()["code"]) == (422, "poisoned_input")
    platform.operate(
        "from sightline.media.models import BlockedMedia\n"
        "for blocked in BlockedMedia.objects.all(): media.release(blocked=blocked, by='tests')"
    )
    platform.pause("gui")
    released = owner.submit(poisoned)
    assert owner.cancel(released) == 200
    platform.resume("gui")


@pytest.mark.row(10)
def test_cancelling_a_running_job_frees_its_seat_in_the_engine(platform: Platform) -> None:
    client = platform.client()
    aborted = {name: platform.twin(name).stats()["aborted"] for name in platform.group_names}
    (job, group), *_ = _aboard(platform, 1).items()
    twin = platform.twin(group)
    assert client.cancel(job) == 202
    until(lambda: twin.stats()["aborted"] == aborted[group] + 1, what="the engine drops the request")
    assert client.cancel(job) == 200, "cancelling again is harmless"
    until(lambda: platform.attempts(job)[0]["outcome"] == "cancelled", what="the attempt is closed")
    assert client.wait(job)["status"] == "cancelled"
    assert platform.job(job)["output"] is None


@pytest.mark.row(10)
def test_cancelling_a_queued_job_never_reaches_the_engine(platform: Platform) -> None:
    client = platform.client()
    platform.pause("ocr")
    job = client.submit(body("ocr", 300))
    assert client.cancel(job) == 200
    platform.resume("ocr")
    other = client.submit(body("ocr", 301))
    assert client.wait(other)["status"] == "succeeded"
    assert client.wait(job)["status"] == "cancelled"
    assert platform.attempts(job) == []


def test_deadlines_end_jobs_in_the_queue_and_aboard_the_engine(platform: Platform) -> None:
    client = platform.client()
    aborted = {name: platform.twin(name).stats()["aborted"] for name in platform.group_names}
    for name in platform.group_names:
        platform.twin(name).faults(delay_s=60.0)
    platform.pause("ocr")
    # Longer than jobs take here: a deadline that cannot be met would be refused at the door.
    queued, running = (client.submit(body(kind, 310, deadline_ms=12_000)) for kind in ("ocr", "chat"))
    group, _ = until(lambda: platform.worker_of(running), what="the job runs")
    until(
        lambda: platform.twin(group).stats()["aborted"] > aborted[group], what="the engine drops the request"
    )
    ends = [client.wait(job) for job in (queued, running)]
    assert [(end["status"], end["error"]["code"]) for end in ends] == [("expired", "deadline_exceeded")] * 2
    platform.resume("ocr")
    assert platform.attempts(queued) == [], "it never reached an engine"
    assert [a["outcome"] for a in platform.attempts(running)] == ["expired"]


@pytest.mark.row(10)
def test_a_waiting_client_that_leaves_changes_nothing(platform: Platform) -> None:
    client = platform.client()
    (job,) = _aboard(platform, 1)
    with pytest.raises(httpx.ReadTimeout):
        client.http.get(f"/api/v1/jobs/{job}", params={"wait": 30}, timeout=0.5)
    platform.heal()
    assert client.wait(job)["status"] == "succeeded"
    assert [a["outcome"] for a in platform.attempts(job)] == ["succeeded"]
