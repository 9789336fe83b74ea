"""Many groups, their seats and their tokens: row 20 of the fault matrix, and what operators do to a GPU."""

import signal
import threading

import pytest
from support.bodies import KINDS, body
from support.platform import Platform
from support.waiting import until


@pytest.mark.row(20)
def test_a_gui_flood_leaves_ocr_its_seats(platform: Platform) -> None:
    flood, reader = platform.client("amber"), platform.client("birch")
    for name in platform.group_names:
        platform.twin(name).faults(delay_s=2.0)  # the flood outlasts what is done meanwhile
    platform.pause("gui")
    guis = [flood.submit(body("gui", 700 + number)) for number in range(40)]
    platform.resume("gui")
    until(lambda: platform.running() >= 6, what="the flood has its seats")
    ocrs = [reader.submit(body("ocr", 800 + number)) for number in range(8)]
    assert {reader.wait(job)["status"] for job in ocrs} == {"succeeded"}
    platform.heal()
    assert {flood.wait(job)["status"] for job in guis} == {"succeeded"}
    last_ocr = max(str(platform.job(job)["claimed_at"]) for job in ocrs)
    assert sum(str(platform.job(job)["claimed_at"]) > last_ocr for job in guis) >= 6, (
        "ocr passed the flood by"
    )


def test_three_groups_share_and_one_that_dies_is_out_by_itself(platform: Platform) -> None:
    client = platform.client()
    platform.start_group("gpu2")
    try:
        until(lambda: platform.groups().get("gpu2", {}).get("intake") == "open", what="gpu2 opens")
        platform.hold()
        platform.twin("gpu2").hold()
        jobs = [client.submit(body(KINDS[number % 3], 900 + number)) for number in range(60)]
        until(lambda: platform.twin("gpu2").aboard(), what="gpu2 works")
        platform.children["gpu2"].kill()  # the supervisor with its engine and its workers
        platform.heal()
        assert {client.wait(job)["status"] for job in jobs} == {"succeeded"}
        used = {a["group"].partition("@")[0] for job in jobs for a in platform.attempts(job)}
        assert used == {"gpu0", "gpu1", "gpu2"}
        until(lambda: platform.groups()["gpu2"]["intake"] == "closed", what="gpu2 is out")
        platform.start_group("gpu2")
        until(lambda: platform.groups()["gpu2"]["intake"] == "open", what="gpu2 is back")
    finally:
        platform.children["gpu2"].stop(120.0, signal.SIGTERM)


def test_seats_are_changed_while_jobs_run_and_after_a_restart_they_still_are(platform: Platform) -> None:
    """gpu9 alone, so that its seats are all there are: gui 3, chat 4, ocr 4 when it starts."""
    client = platform.client()

    def aboard(kind: str) -> int:
        where = "status = 'running' AND kind = ? AND worker LIKE ?"
        rows = platform.rows(f"SELECT COUNT(*) AS n FROM jobs_job WHERE {where}", kind, f"{kind}-gpu9@%")
        return int(rows[0]["n"])

    def most_aboard(kind: str, jobs: list[str]) -> int:
        most = 0
        while any(platform.job(job)["status"] in ("queued", "running") for job in jobs):
            most = max(most, aboard(kind))
        return most

    with platform.only_group("gpu9"):
        platform.twin("gpu9").faults(delay_s=2.0)
        guis = [client.submit(body("gui", 1200 + number)) for number in range(24)]
        until(lambda: aboard("gui") == 3, what="gui has its 3 seats")
        platform.seats("gpu9", gui=7, ocr=0)
        until(lambda: aboard("gui") == 7, what="the new seats are taken while the old ones still run")
        until(lambda: platform.takes("ocr-gpu9", "ocr.default") is False, what="ocr's worker has heard, too")
        waiting = client.submit(body("ocr", 1230))
        platform.seats("gpu9", gui=2)
        until(lambda: aboard("gui") <= 2, what="those who are too many have left by themselves")
        more = [client.submit(body("gui", 1240 + number)) for number in range(4)]
        assert most_aboard("gui", [*guis, *more]) <= 2
        found = client.read(waiting)
        assert found is not None
        assert (found["status"], found["attempt"]) == ("queued", 0), "no seat, no run"
        platform.children["gpu9"].stop(120.0, signal.SIGTERM)
        platform.start_group("gpu9")
        until(lambda: platform.groups()["gpu9"]["intake"] == "open", what="gpu9 is back")
        platform.twin("gpu9").faults(delay_s=1.0)
        assert most_aboard("gui", [client.submit(body("gui", 1250 + number)) for number in range(5)]) == 2
        platform.seats("gpu9", gui=None, ocr=None)
        assert client.wait(waiting)["status"] == "succeeded"
        assert {client.wait(job)["status"] for job in [*guis, *more]} == {"succeeded"}
        assert {len(platform.attempts(job)) for job in [*guis, *more]} == {1}


def test_a_drained_gpu_takes_nothing_and_stays_drained_over_a_restart(platform: Platform) -> None:
    client = platform.client()
    platform.operate(f"groups.drain(group_id='gpu0@{platform.host}', actor='tests')")
    try:
        platform.children["gpu0"].stop(120.0, signal.SIGTERM)
        platform.start_group("gpu0")
        until(lambda: platform.groups()["gpu0"]["state"] == "live", what="its engine is live again")
        jobs = [client.submit(body(kind, 1000)) for kind in KINDS]
        assert {client.wait(job)["status"] for job in jobs} == {"succeeded"}
        assert {a["group"] for job in jobs for a in platform.attempts(job)} == {f"gpu1@{platform.host}"}
        assert platform.intakes()["gpu0"] == "closed"
    finally:
        platform.operate(f"groups.undrain(group_id='gpu0@{platform.host}', actor='tests')")
    until(lambda: platform.intakes()["gpu0"] == "open", what="gpu0 is open again")


def test_tokens_in_flight_stay_within_a_small_kv_cache(platform: Platform) -> None:
    """The twin lets a request wait when its tokens do not fit, where vLLM would preempt: none may ever wait."""
    client = platform.client()
    with platform.only_group("gpu8", twin_options=("profile=instant", "kv-tokens=6000")):
        twin = platform.twin("gpu8")
        twin.faults(delay_s=0.3)
        jobs = [client.submit(body(KINDS[number % 3], 1100 + number)) for number in range(24)]
        most, over, stop = [0], [0], threading.Event()

        def look() -> None:
            while not stop.wait(0.03):
                stats = twin.stats()
                most[0] = max(most[0], stats["running"])
                over[0] = max(over[0], stats["waiting"])

        watcher = threading.Thread(target=look)
        watcher.start()
        try:
            assert {client.wait(job)["status"] for job in jobs} == {"succeeded"}
        finally:
            stop.set()
            watcher.join()
    assert over[0] == 0, "a request waited inside the engine for want of KV blocks"
    assert most[0] >= 2, "the cache was used"
