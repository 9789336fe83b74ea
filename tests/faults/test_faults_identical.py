"""Identical requests on a running platform whose workers are killed and whose clients change their minds."""

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.bodies import body
from support.client import Client
from support.invariants import check
from support.platform import TENANTS, Platform
from support.postgresql_server import PostgreSQLServer
from support.site import answer, serving
from support.twin import HELD_S
from support.waiting import until

HOOK = "127.7.0.9"


@pytest.fixture(scope="module")
def _cached(request: pytest.FixtureRequest) -> Iterator[Platform]:
    postgres: PostgreSQLServer | None = None
    if request.config.getoption("database") == "postgres":
        postgres = request.getfixturevalue("postgres_server")
    env = {"SIGHTLINE_CACHE": "true", "SIGHTLINE_ALLOWED_NETWORKS": "127.7.0.0/16"}
    with Platform(postgres=postgres, groups=1, env=env) as platform:
        platform.start_cpu()
        yield platform


@pytest.fixture
def platform(_cached: Platform) -> Iterator[Platform]:
    yield _cached
    _cached.wait_ready()
    _cached.heal()
    check(_cached)


def _calls(platform: Platform, jobs: list[str]) -> int:
    """Requests that the engine got for these jobs."""
    asked = [entry["request_id"] for entry in platform.twin("gpu0").requests()]
    return sum(any(job in request for job in jobs) for request in asked)


def _aboard(platform: Platform, client: Client, number: int) -> str:
    """A job that the engine works on until `platform.heal()`."""
    platform.hold()
    job = client.submit(body("gui", number))
    until(lambda: platform.twin("gpu0").aboard(), what="the job is aboard the engine")
    return job


def test_a_hundred_identical_jobs_are_one_call_a_hundred_results_and_a_hundred_webhooks(
    platform: Platform,
) -> None:
    client = platform.client()
    platform.twin("gpu0").faults(delay_s=1.0)
    with serving(host=HOOK) as site, ThreadPoolExecutor(20) as pool:
        site.pages["/hook"] = answer()
        request = body("gui", 700, webhook={"url": site.url("/hook")})
        jobs = list(pool.map(lambda _: client.submit(request), range(100)))
        ended = list(pool.map(client.wait, jobs))
        site.wait_for(100)
        told = {seen.headers["webhook-id"] for seen in site.seen}
    assert {job["status"] for job in ended} == {"succeeded"}
    assert len({str(job["output"]) for job in ended}) == 1
    assert [job["served_from"] for job in ended].count("engine") == 1
    assert _calls(platform, jobs) == 1
    assert len(set(jobs)) == len(told) == 100
    again = client.http.post("/api/v1/jobs", json=body("gui", 700))
    assert (again.status_code, again.json()["served_from"]) == (200, "cache")
    page = client.http.get("/metrics", headers={"Authorization": f"Bearer {platform.keys['operator']}"}).text
    assert 'sightline_cache_total{kind="gui",outcome="coalesced"}' in page


def test_followers_of_a_job_whose_worker_was_killed_get_the_answer_of_its_next_run(
    platform: Platform,
) -> None:
    client = platform.client()
    leader = _aboard(platform, client, 710)
    others = [client.submit(body("gui", 710)) for _ in range(5)]
    assert platform.signal("gpu0", "gui", signal.SIGKILL)
    platform.heal()
    ended = [client.wait(job) for job in (leader, *others)]
    assert {job["status"] for job in ended} == {"succeeded"}
    assert [job["served_from"] for job in ended] == ["engine", *["coalesced"] * 5]
    assert [a["outcome"] for a in platform.attempts(leader)] == ["crash", "succeeded"]


def test_an_attempt_goes_on_for_those_who_still_want_its_answer(platform: Platform) -> None:
    client = platform.client()
    leader = _aboard(platform, client, 720)
    first, second = (client.submit(body("gui", 720)) for _ in range(2))
    assert client.cancel(leader) == 200
    platform.heal()
    ended = [client.wait(job) for job in (leader, first, second)]
    assert [job["status"] for job in ended] == ["cancelled", "succeeded", "succeeded"]
    assert _calls(platform, [leader, first, second]) == 1


def test_an_attempt_is_stopped_when_nobody_wants_its_answer_any_more(platform: Platform) -> None:
    client = platform.client()
    leader = _aboard(platform, client, 730)
    follower = client.submit(body("gui", 730))
    assert client.cancel(leader) == 200
    assert client.cancel(follower) == 202
    until(lambda: platform.twin("gpu0").aboard() == 0, what="the engine stops", within_s=HELD_S / 2)
    assert [client.wait(job)["status"] for job in (leader, follower)] == ["cancelled", "cancelled"]


def test_tenants_get_their_own_answers(platform: Platform) -> None:
    jobs = []
    for tenant in TENANTS:
        client = platform.client(tenant)
        jobs.append(client.submit(body("gui", 740)))
        assert client.wait(jobs[-1])["served_from"] == "engine"
    assert _calls(platform, jobs) == len(TENANTS)
