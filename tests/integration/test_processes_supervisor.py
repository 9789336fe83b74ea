"""A supervisor keeps its programs running and leaves none behind."""

import queue
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sightline.processes.backoff import LONGEST_S, SETTLED_S, Backoff
from sightline.processes.supervisor import Program, Supervisor

Events = queue.Queue[tuple[str, str]]


def program(name: str, script: str, *, rank: int = 0, stop_s: float = 5.0) -> Program:
    return Program(
        name=name,
        argv=lambda: ["bash", "-c", script],
        env={"PATH": "/usr/bin:/bin"},
        rank=rank,
        stop_s=stop_s,
    )


@contextmanager
def running(
    programs: list[Program], folder: Path
) -> Iterator[tuple[Events, threading.Event, threading.Event]]:
    """The supervisor in a thread; its lines and events in one queue, `stop` and `hurry`."""
    seen: Events = queue.Queue()
    stop, hurry = threading.Event(), threading.Event()
    tell = lambda name, text: seen.put((name, text))  # noqa: E731
    supervisor = Supervisor(programs, folder=folder, on_line=tell, on_event=tell)
    thread = threading.Thread(target=supervisor.run, args=[stop, hurry])
    thread.start()
    try:
        yield seen, stop, hurry
    finally:
        stop.set()
        hurry.set()
        thread.join(30)
        assert not thread.is_alive()
        assert not list(folder.glob("*.json"))


def test_a_program_that_ends_starts_again(tmp_path: Path) -> None:
    with running([program("short", "echo up; exit 3")], tmp_path) as (seen, _, _):
        assert seen.get(timeout=20) == ("short", "up")
        assert "ended with code 3; starts again in 0.5 s" in seen.get(timeout=20)[1]
        assert seen.get(timeout=20) == ("short", "up")


def test_a_program_that_cannot_be_started_does_not_stop_the_others(tmp_path: Path) -> None:
    absent = Program(name="absent", argv=lambda: ["/does/not/exist"], env={}, rank=0, stop_s=1)
    with running([absent, program("well", "echo up; sleep 600")], tmp_path) as (seen, _, _):
        first, second = seen.get(timeout=20), seen.get(timeout=20)
        assert {first[0], second[0]} == {"absent", "well"}


def test_what_others_need_stops_last(tmp_path: Path) -> None:
    """The higher rank takes its time; the lower one must still run when it ends."""
    # `wait` is what a signal interrupts; a `sleep` in the foreground would be killed and reported.
    last_word = "trap 'echo bye; exit' TERM; echo up; sleep 600 & wait"
    slow = "trap 'sleep 0.4; echo bye; exit' TERM; echo up; sleep 600 & wait"
    programs = [program("redis", last_word), program("group", slow, rank=1)]
    with running(programs, tmp_path) as (seen, stop, _):
        assert {seen.get(timeout=20), seen.get(timeout=20)} == {("redis", "up"), ("group", "up")}
        stop.set()
        assert seen.get(timeout=20) == ("group", "bye")
        assert seen.get(timeout=20) == ("redis", "bye")


def test_a_second_signal_does_not_wait_for_the_drain(tmp_path: Path) -> None:
    stubborn = program("stubborn", "trap '' TERM; echo up; while :; do sleep 60; done", stop_s=600)
    began = time.monotonic()
    with running([stubborn], tmp_path) as (seen, stop, hurry):
        assert seen.get(timeout=20) == ("stubborn", "up")
        stop.set()
        hurry.set()
    assert time.monotonic() - began < 300


def test_the_next_rank_waits_until_the_one_below_is_ready(tmp_path: Path) -> None:
    flag = tmp_path / "ready"
    first = Program(
        name="first",
        argv=lambda: [sys.executable, "-c", f"import pathlib; pathlib.Path({str(flag)!r}).touch(); input()"],
        env={},
        rank=0,
        stop_s=5,
        ready=flag.exists,
    )
    with running([first, program("second", f"[ -e {flag} ] && echo up; sleep 600", rank=1)], tmp_path) as (
        seen,
        *_,
    ):
        while (event := seen.get(timeout=20)) != ("second", "up"):
            assert event[0] == "first"  # it ends at once, because it has no input


def test_pauses_double_up_to_half_a_minute_and_start_over_after_a_healthy_run() -> None:
    backoff = Backoff()
    pauses = [backoff.ended(ran_s=0.1) for _ in range(9)]
    assert pauses[:4] == [0.5, 1.0, 2.0, 4.0]
    assert pauses[-1] == LONGEST_S
    assert backoff.ended(ran_s=SETTLED_S) == 0.5
    assert backoff.pending
    assert not backoff.due()
    backoff.started()
    assert not backoff.pending
