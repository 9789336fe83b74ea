"""Event streams of jobs on the running platform: resumed, reset, healed."""

import asyncio
import os
import signal
from collections.abc import Iterator, Sequence

import psutil
import pytest
import redis
from support.bodies import body, data_uri, picture
from support.client import TERMINAL
from support.platform import Platform
from support.sse import Event, reading
from support.waiting import until

from sightline import ids
from sightline.events.live import stream_key

GROUP = "gpu0"


@pytest.fixture(scope="module")
def _running(request: pytest.FixtureRequest, database_kind: str) -> Iterator[Platform]:
    postgres = request.getfixturevalue("postgres_server") if database_kind == "postgres" else None
    with Platform(groups=1, postgres=postgres, env={"SIGHTLINE_CACHE": "true"}) as platform:
        yield platform


@pytest.fixture
def platform(_running: Platform) -> Iterator[Platform]:
    yield _running
    _running.heal()
    _running.drained()


def text(events: Sequence[Event]) -> str:
    """What a reader has who does as the events say."""
    found = ""
    for event in events:
        if event.type == "output.delta":
            found += event.data["text"]
        elif event.type == "output.reset":
            output = event.data["output"]
            found = answer(output) if output else "".join(event.data["texts"])
    return found


def answer(output: dict) -> str:  # type: ignore[type-arg]
    return str(output["choices"][0]["message"]["content"])


def check(events: Sequence[Event]) -> None:
    """The numbers grow, one terminal event ends it, and the text is the output's."""
    ids = [event.id for event in events]
    assert ids == sorted(set(ids))
    terminal = [event for event in events if event.type.removeprefix("job.") in TERMINAL]
    assert terminal == [events[-1]]
    assert events[-1].type == "job.succeeded"
    assert text(events) == answer(events[-1].data["output"])


def tokens(platform: Platform) -> int:
    """Tokens of the latest request."""
    return int(platform.twin(GROUP).requests()[-1]["output_tokens"])


def slow(platform: Platform, seconds: float = 1.0) -> None:
    platform.twin(GROUP).faults(delay_s=seconds)


def test_a_job_streams_from_the_queue_to_its_end(platform: Platform) -> None:
    client = platform.client()
    slow(platform, 3.0)
    job = client.submit(body("chat", 1, stream=True))
    with reading(client.http, job) as stream:
        events = list(stream)
    check(events)
    assert [event.type for event in events[:2]] == ["job.queued", "job.started"]
    assert sum(event.type == "output.delta" for event in events) > 3


def test_a_reader_who_comes_late_gets_the_text_from_its_beginning(platform: Platform) -> None:
    client = platform.client()
    platform.hold()
    job = client.submit(body("chat", 9))
    until(lambda: platform.running() == 1 and tokens(platform) > 0, what="text that nobody reads")
    with reading(client.http, job) as stream:
        first = stream.until("output.delta")
        platform.heal()
        check([*first, *stream])


def test_text_comes_at_most_25_times_a_second(platform: Platform) -> None:
    client = platform.client()
    platform.twin(GROUP).faults(loop=1, delay_s=0.1)
    job = client.submit(body("chat", 2, params={"max_tokens": 200}, stream=True))
    with reading(client.http, job) as stream:
        events = list(stream)
    took_s = events[-1].data["timings_ms"]["total"] / 1000
    assert 1 <= sum(event.type == "output.delta" for event in events) <= 25 * took_s + 2


def test_a_reader_resumes_where_it_left_off_after_the_web_process_was_killed(platform: Platform) -> None:
    client = platform.client()
    slow(platform)
    job = client.submit(body("chat", 3, stream=True))
    with reading(client.http, job) as stream:
        before = stream.until("output.delta", 2)
        platform.hold()  # not frozen: an engine that hangs would be replaced
        platform.children["web"].kill()
    platform.start_web()
    until(platform.web_answers, what="the web server is back")
    platform.heal()
    with reading(client.http, job, after=before[-1].id) as stream:
        events = [*before, *stream]
    check(events)
    with reading(client.http, job) as stream:
        assert text(list(stream)) == text(events)


def test_an_emptied_redis_costs_a_late_reader_a_reset_and_no_text(platform: Platform) -> None:
    client = platform.client()
    slow(platform)
    job = client.submit(body("chat", 4, stream=True))
    with reading(client.http, job) as stream:
        before = stream.until("output.delta", 1)
        more = stream.until("output.delta", 2)
        with redis.Redis(unix_socket_path=str(platform.redis.socket)) as connection:
            connection.flushall()
        rest = list(stream)
    check([*before, *more, *rest])
    with reading(client.http, job, after=before[-1].id) as stream:
        events = [*before, *stream]
    check(events)
    assert "output.reset" in [event.type for event in events]


def test_an_ended_job_whose_text_is_gone_is_told_from_the_database(platform: Platform) -> None:
    client = platform.client()
    slow(platform, 0.3)
    job = client.submit(body("chat", 5, stream=True))
    with reading(client.http, job) as stream:
        events = list(stream)
    with redis.Redis(unix_socket_path=str(platform.redis.socket)) as connection:
        connection.flushall()
    first = next(n for n, event in enumerate(events) if event.type == "output.delta")
    with reading(client.http, job, after=events[first].id) as stream:
        again = list(stream)
    assert [event.type for event in again] == ["output.reset", "job.succeeded"]
    check([*events[: first + 1], *again])
    with reading(client.http, job, after=again[0].id) as stream:
        assert [event.type for event in stream] == ["job.succeeded"]
    seen = client.http.get(f"/api/v1/jobs/{job}/events", headers={"Last-Event-ID": str(events[-1].id)})
    assert seen.status_code == 204


def test_a_failed_attempt_voids_its_text(platform: Platform) -> None:
    client = platform.client()
    platform.twin(GROUP).faults(delay_s=3.0, reset_mid=2)  # the canary may meet one of them
    job = client.submit(body("chat", 6, stream=True))
    with reading(client.http, job) as stream:
        events = list(stream)
    check(events)
    types = [event.type for event in events]
    failed = types.index("job.attempt_failed")
    assert "output.delta" in types[:failed]
    assert types[failed + 1] == "output.reset"


def test_a_worker_that_was_fenced_off_is_not_heard(platform: Platform) -> None:
    client = platform.client()
    platform.twin(GROUP).faults(loop=1, delay_s=60.0)  # of 600 tokens
    job = client.submit(body("chat", 7, params={"max_tokens": 600}, stream=True))
    with reading(client.http, job) as stream:
        before = stream.until("output.delta", 2)
        platform.twin(GROUP).faults(hang=True)
        stale = stream_key(ids.decode(ids.JOB, job), 1)
        with redis.Redis(unix_socket_path=str(platform.redis.socket)) as connection:
            pid = platform.pid(GROUP, "chat")
            assert pid is not None
            os.killpg(pid, signal.SIGSTOP)
            failed = stream.until("job.attempt_failed")
            connection.xadd(stale, {"call": "0", "label": "", "text": "a voice from the past"}, id="9999-0")
            connection.publish(f"sightline:ended:{job}", '{"text":1}')
            os.killpg(pid, signal.SIGCONT)
        platform.heal()
        events = [*before, *failed, *stream]
    check(events)
    assert "a voice from the past" not in "".join(str(event.data) for event in events)


def test_what_is_no_event_is_refused(platform: Platform) -> None:
    client = platform.client()
    job = client.submit(body("chat", 8, stream=True))
    client.wait(job)
    for number in ("x", "-1", "1e3", str(10**14)):
        refused = client.http.get(f"/api/v1/jobs/{job}/events", params={"starting_after": number})
        assert refused.status_code == 422
    stranger = platform.client("birch")
    assert stranger.http.get(f"/api/v1/jobs/{job}/events").status_code == 404
    client.http.delete(f"/api/v1/jobs/{job}")
    assert client.http.get(f"/api/v1/jobs/{job}/events").status_code == 410


IDLE = 600


def test_idle_streams_share_a_few_connections_and_hold_no_thread(platform: Platform) -> None:
    client = platform.client()
    pid = platform.children["web"].pid
    assert pid is not None
    web = psutil.Process(pid)
    with redis.Redis(unix_socket_path=str(platform.redis.socket)) as connection:
        platform.pause("chat")
        jobs = [client.submit(body("chat", 100 + number)) for number in range(20)]
        connections, threads = len(connection.client_list()), web.num_threads()

        async def follow(job: str) -> str:
            reader, writer = await asyncio.open_connection("127.0.0.1", platform.port)
            key = platform.keys["amber"]
            head = f"GET /api/v1/jobs/{job}/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}"
            writer.write(f"{head}\r\n\r\n".encode())
            told = await reader.readuntil(b"job.queued")
            told += await reader.readuntil(b": heartbeat")
            idle.append(len(connection.client_list()))
            if len(idle) == IDLE:
                platform.resume("chat")
            told += await reader.readuntil(b"0\r\n\r\n")
            writer.close()
            await writer.wait_closed()
            return told.decode()

        idle: list[int] = []

        async def follow_all() -> list[str]:
            return await asyncio.gather(*(follow(jobs[number % len(jobs)]) for number in range(IDLE)))

        found = asyncio.run(follow_all())
    assert len(found) == IDLE
    assert {told.count("event: job.succeeded") for told in found} == {1}
    assert max(idle) <= connections + 8  # one that is told, a few that read, and the web's own
    assert web.num_threads() <= threads + 8


def test_pages_and_progress_come_as_soon_as_they_are_complete(platform: Platform) -> None:
    client = platform.client()
    slow(platform)
    pages = [{"data": data_uri(picture(number))} for number in (1, 2, 3)]
    job = client.submit({"kind": "ocr", "input": {"images": pages}, "stream": True})
    with reading(client.http, job) as stream:
        events = list(stream)
    told = [(e.data["done"], e.data["total"], e.data["unit"]) for e in events if e.type == "job.progress"]
    assert told == [(1, 3, "page"), (2, 3, "page"), (3, 3, "page")]
    output = events[-1].data["output"]
    assert [event.data["item"] for event in events if event.type == "output.item"] == output["pages"]
    types = [event.type for event in events]
    assert "output.delta" in types[types.index("output.item") :], (
        "the first page comes before the second is read"
    )
    middle = events[types.index("job.progress")]
    with reading(client.http, job, after=middle.id) as stream:
        assert list(stream) == events[types.index("job.progress") + 1 :]


def test_a_follower_streams_the_leaders_text_as_it_comes(platform: Platform) -> None:
    client = platform.client()
    slow(platform)
    asked = body("chat", 4, params={"temperature": 0}, stream=True, cache={"mode": "exact"})
    leader = client.submit(asked)
    follower = client.submit(asked)
    assert client.http.get(f"/api/v1/jobs/{follower}/explain").json()["blocking"]["cause"] == "coalesced"
    with reading(client.http, follower) as stream:
        first = stream.until("output.delta", 2)
        assert client.http.get(f"/api/v1/jobs/{leader}").json()["status"] == "running", (
            "it does not wait for the end"
        )
        events = [*first, *stream]
    check(events)
    assert "output.reset" not in [event.type for event in events]
    assert events[-1].data["output"] == client.http.get(f"/api/v1/jobs/{leader}").json()["output"]
    with reading(client.http, follower, after=first[-1].id) as stream:
        assert list(stream) == events[len(first) :]


def test_a_follower_whose_leader_is_cancelled_hears_on_where_it_was(platform: Platform) -> None:
    client = platform.client()
    slow(platform, 2.0)
    asked = body("chat", 6, params={"temperature": 0}, stream=True, cache={"mode": "exact"})
    leader = client.submit(asked)
    follower = client.submit(asked)
    with reading(client.http, follower) as stream:
        first = stream.until("output.delta", 2)
        client.http.post(f"/api/v1/jobs/{leader}/cancel")
        events = [*first, *stream]
    check(events)
    assert "output.reset" not in [event.type for event in events]
    assert [event.type for event in events].count("job.started") == 1
