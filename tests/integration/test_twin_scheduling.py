"""Seats, priorities and time in the simulated engine."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from support.waiting import until

from sightline_workers.engines.contract import Abort, Aborted, Completion, EngineError, EngineRequest
from sightline_workers.engines.openai_http import OpenAIEngine
from sightline_workers.engines.twin.options import TwinOptions
from sightline_workers.engines.twin.process import TwinProcess

Engines = Callable[[TwinProcess], OpenAIEngine]


def request(name: str, priority: int = 0, timeout_s: float = 120) -> EngineRequest:
    return EngineRequest(
        model="default",
        messages=[{"role": "user", "content": "Hello"}],
        sampling={"max_tokens": 64},
        priority=priority,
        timeout_s=timeout_s,
        request_id=name,
    )


def run(engine: OpenAIEngine, name: str, priority: int = 0) -> Completion:
    return engine.stream(request(name, priority), on_delta=lambda _: None, abort=Abort())


def until_aboard(twin: TwinProcess, count: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        stats = twin.stats()
        if stats["running"] + stats["waiting"] == count:
            return
        assert time.monotonic() < deadline, stats
        threading.Event().wait(0.01)


def assert_best_is(rate: Callable[[], float], expected: float, *, within: float) -> None:
    """A busy machine makes it slower: one round must reach the rate, and none may pass it."""
    seen: list[float] = []
    while len(seen) < 20:
        seen.append(rate())
        assert seen[-1] < expected * (1 + within)
        if seen[-1] > expected * (1 - within):
            return
    raise AssertionError(f"never {expected}: {seen}")


@pytest.fixture
def engines() -> Iterator[Engines]:
    """Makes clients, and closes them at the end."""
    made: list[OpenAIEngine] = []

    def make(twin: TwinProcess) -> OpenAIEngine:
        made.append(OpenAIEngine(twin.url, max_concurrency=200))
        return made[-1]

    yield make
    for engine in made:
        engine.close()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(200) as pool:
        yield pool


def test_waiting_requests_start_by_priority_and_never_displace_running_ones(
    engines: Engines, pool: ThreadPoolExecutor
) -> None:
    with TwinProcess(TwinOptions(profile="batching", speed=5, max_num_seqs=1)) as twin:
        engine = engines(twin)
        twin.faults(hang=True)
        waiting: list[Future[Completion]] = []
        for position, (name, priority) in enumerate([("ocr", 300), ("chat", 50), ("gui", 0)], start=1):
            waiting.append(pool.submit(run, engine, name, priority))
            until_aboard(twin, position)
        twin.heal()
        for future in waiting:
            future.result(120)
        assert [entry["request_id"] for entry in twin.stats()["order"]] == ["gui", "chat", "ocr"]
        assert twin.stats()["max_running"] == 1


@pytest.mark.parametrize(("profile", "alone", "eight"), [("published", 3.2, 6.4), ("batching", 3.2, 14.7)])
def test_throughput_is_the_profile_s(
    engines: Engines, pool: ThreadPoolExecutor, profile: str, alone: float, eight: float
) -> None:
    speed = 5.0
    with TwinProcess(TwinOptions(profile=profile, speed=speed)) as twin:
        engine = engines(twin)

        def rate(seats: int, count: int) -> float:
            started = time.monotonic()
            with ThreadPoolExecutor(seats) as clients:
                list(clients.map(lambda index: run(engine, f"{seats}-{index}"), range(count)))
            return count / (time.monotonic() - started) / speed

        assert_best_is(lambda: rate(1, 4), alone, within=0.2)
        assert_best_is(lambda: rate(8, 40), eight, within=0.25)


def test_beyond_its_limit_it_refuses(engines: Engines, pool: ThreadPoolExecutor) -> None:
    options = TwinOptions(profile="batching", max_num_seqs=1, max_num_queued_reqs=2)
    with TwinProcess(options) as twin:
        engine = engines(twin)
        twin.faults(hang=True)
        aboard = [pool.submit(run, engine, f"aboard-{index}") for index in range(2)]
        until_aboard(twin, 2)
        with pytest.raises(EngineError) as caught:
            run(engine, "refused")
        assert caught.value.code == "engine_busy"
        twin.heal()
        for future in aboard:
            assert future.result(120).finish_reason == "stop"


def test_an_aborted_request_gives_its_seat_to_the_next(engines: Engines, pool: ThreadPoolExecutor) -> None:
    with TwinProcess(TwinOptions(profile="batching", speed=2, max_num_seqs=1)) as twin:
        engine = engines(twin)
        twin.faults(slow=300)  # the first one would take minutes
        abort, begun = Abort(), threading.Event()
        first = pool.submit(engine.stream, request("first"), on_delta=lambda _: begun.set(), abort=abort)
        assert begun.wait(60)
        second = pool.submit(run, engine, "second")
        until_aboard(twin, 2)
        abort.set("cancelled")
        with pytest.raises(Aborted):
            first.result(120)
        until(lambda: [entry["request_id"] for entry in twin.requests() if entry["scheduled"]] == ["first", "second"],
              what="the seat is the second one's")  # fmt: skip
        twin.heal()
        assert second.result(120).finish_reason == "stop"
        assert {entry["request_id"]: entry["outcome"] for entry in twin.requests()}["first"] == "abort"


def test_it_holds_two_hundred_streams_at_once(engines: Engines, pool: ThreadPoolExecutor) -> None:
    with TwinProcess(TwinOptions(profile="batching", speed=10, max_num_seqs=200)) as twin:
        engine = engines(twin)
        twin.faults(hang=True)
        calls = [pool.submit(run, engine, f"stream-{index}") for index in range(200)]
        until_aboard(twin, 200)
        twin.heal()
        assert {call.result(120).text for call in calls} == {calls[0].result().text}
        assert twin.stats()["max_running"] == 200


def test_requests_that_do_not_fit_the_kv_cache_wait(engines: Engines, pool: ThreadPoolExecutor) -> None:
    with TwinProcess(TwinOptions(profile="batching", speed=5, kv_tokens=30)) as twin:
        engine = engines(twin)
        for call in [pool.submit(run, engine, f"call-{index}") for index in range(4)]:
            call.result(120)
        assert twin.stats()["max_running"] == 1
        assert twin.stats()["kv_used"] == 0
