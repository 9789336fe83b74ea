"""The client and the command line on it, against the running platform on the simulated engine."""

import asyncio
import json
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.bodies import picture
from support.platform import TENANTS, Platform
from support.shell import COUNT, Shell, submitted
from support.waiting import until

from sightline.client import AsyncClient, Client, Conflict, Event, NotFound


def test_a_folder_survives_a_kill_and_ctrl_c_and_nothing_is_submitted_twice(
    platform: Platform, shell: Shell, pictures: Path
) -> None:
    words = ("submit", "ocr", str(pictures), "--tag", "folder", "-o", "out")
    platform.pause("ocr")

    killed = shell.start(*words)
    until(lambda: submitted(platform, "folder") >= 5, what="some images are submitted")
    killed.kill()
    killed.communicate()

    stopped = shell.start(*words)
    until(lambda: submitted(platform, "folder") == COUNT, what="all images are submitted")
    stopped.send_signal(signal.SIGINT)
    _, err = stopped.communicate(timeout=60)
    assert stopped.returncode == 130
    assert "The same command goes on" in err

    platform.resume("ocr")
    shell.run(*words)
    assert submitted(platform, "folder") == COUNT
    results = sorted(shell.folder.glob("out/**/*.txt"))
    assert len(results) == COUNT
    assert all(result.read_text().strip() for result in results)

    # Done: nothing happens; a result that was removed is fetched again, an image that was added joins.
    results[0].unlink()
    (pictures / "new.png").write_bytes(picture(COUNT))
    shell.run(*words)
    assert results[0].exists()
    assert submitted(platform, "folder") == COUNT + 1


def test_a_run_to_the_terminal_is_shown_in_order_and_then_forgotten(
    platform: Platform, shell: Shell, pictures: Path
) -> None:
    chosen = [str(path) for path in sorted(pictures.glob("*.png"))[:3]]
    lines = shell.run("submit", "ocr", *chosen, "--json", "--cache", "refresh").splitlines()
    assert [json.loads(line)["status"] for line in lines] == ["succeeded"] * 3
    assert not list((shell.folder / "state").rglob("*.jsonl"))


def test_an_image_that_is_refused_leaves_the_others_alone(shell: Shell, pictures: Path) -> None:
    for path in sorted(pictures.rglob("*.png"))[4:]:
        path.unlink()
    (pictures / "broken.png").write_bytes(b"no image")
    shell.run("submit", "ocr", str(pictures), "-o", "out", code=1)
    assert len(list(shell.folder.glob("out/**/*.txt"))) == 4


def test_ctrl_c_cancels_what_runs_when_told_to(platform: Platform, shell: Shell, pictures: Path) -> None:
    platform.pause("ocr")
    run = shell.start("submit", "ocr", str(pictures), "--tag", "stop", "-o", "out", "--cancel-on-interrupt")
    until(lambda: submitted(platform, "stop") == COUNT, what="all images are submitted")
    journal = next((shell.folder / "out").glob(".sightline-*"))
    until(lambda: journal.read_text().count('"job"') == COUNT, what="all jobs are written down")
    run.send_signal(signal.SIGINT)
    run.communicate(timeout=120)
    assert run.returncode == 130
    assert platform.active() == 0


def test_scripts_follow_one_job_through_its_life(
    platform: Platform, shell: Shell, pictures: Path, tmp_path: Path
) -> None:
    platform.pause("ocr")
    job = shell.run("submit", "ocr", str(pictures / "000.png"), "--no-wait", "--tag", "life").strip()
    assert "queue_paused" in shell.run("explain", job, "--json")
    shell.run("wait", job, "--timeout", "0.2", code=5)
    assert job in shell.run("jobs", "--tag", "life", "--status", "queued", "--after", "1h")
    assert job in shell.run("jobs", "--search", "tag:life -status:succeeded created:>1h")
    (exported,) = [
        json.loads(line) for line in shell.run("jobs", "--tag", "life", "--export", "-").splitlines()
    ]
    assert (exported["id"], exported["status"]) == (job, "queued")
    shell.run("jobs", "--tag", "life", "--export", str(tmp_path / "jobs.csv"))
    head, line = (tmp_path / "jobs.csv").read_text().splitlines()
    assert head.startswith("id,kind,model,status,")
    assert line.startswith(f"{job},")
    assert "cancelled" in shell.run("cancel", job)
    shell.run("wait", job, code=1)
    assert "queued" in shell.run("retry", job)
    platform.resume("ocr")
    text = shell.run("wait", job)
    assert shell.run("tail", job) == text  # nobody read it while it was written
    assert json.loads(shell.run("tail", job, "--json").splitlines()[-1])["event"] == "job.succeeded"
    shell.run("explain", "job_00000000000000000000000000", code=4)
    shell.env["SIGHTLINE_URL"] = "http://127.0.0.1:9"
    shell.run("jobs", code=3)


def test_a_wait_outlives_the_web_process_and_sees_every_event_once(
    platform: Platform, client: Client
) -> None:
    platform.pause("ocr")
    job = client.submit("ocr", images=[picture(1000)])
    seen: list[Event] = []
    first = threading.Event()

    def note(event: Event) -> None:
        seen.append(event)
        first.set()

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.wait, job.id, on_event=note)
        assert first.wait(60)
        platform.children["web"].kill()
        platform.start_web()
        until(platform.web_answers, what="the web server is back")
        platform.resume("ocr")
        ended = waiting.result(120)
    assert ended.succeeded
    numbers = [event.number for event in seen]
    assert numbers == sorted(set(numbers))
    assert [event.type for event in seen if event.type.startswith("job.")] == [
        "job.queued",
        "job.started",
        "job.succeeded",
    ]


def test_the_asynchronous_client_runs_many_jobs_at_once(platform: Platform) -> None:
    async def scenario() -> list[str]:
        async with AsyncClient(url=platform.url, key=platform.keys[TENANTS[0]]) as client:
            jobs = await asyncio.gather(*(client.run("ocr", images=[picture(2000)]) for _ in range(8)))
            return [job.ocr.text for job in jobs]

    assert all(asyncio.run(scenario()))


def test_lists_are_read_page_by_page(platform: Platform, client: Client) -> None:
    for _ in range(3):
        client.submit("ocr", images=[picture(3000)], tags=["page"])
    everything = [job.id for job in client.jobs(tag="page")]
    assert len(everything) == len(set(everything)) == 3
    assert [job.id for job in client.jobs(tag="page", limit=2)] == everything[:2]


def test_a_job_is_replayed_with_other_parameters(shell: Shell, pictures: Path) -> None:
    job = shell.run("submit", "ocr", str(pictures / "000.png"), "--no-wait").strip()
    shell.run("wait", job)
    new = json.loads(shell.run("replay", job, "--param", "max_tokens=7", "--json"))
    assert new["id"] != job
    shown = json.loads(shell.run("jobs", "show", new["id"], "--json"))
    assert shown["params"]["max_tokens"] == 7


def test_a_replay_is_compared_with_its_original(shell: Shell, client: Client, pictures: Path) -> None:
    job = json.loads(shell.run("submit", "ocr", str(pictures / "000.png"), "--json"))["id"]
    replay = json.loads(shell.run("replay", job, "--param", "max_tokens=2", "--json"))["id"]
    shell.run("wait", replay, "--json", code=1)  # cut off after two tokens: incomplete
    told = shell.run("compare", job, replay)
    assert job in told
    assert "params.max_tokens" in told
    assert "character error rate" in told
    assert "[-" in told
    found = json.loads(shell.run("compare", job, replay, "--json"))
    assert found["ended"]
    assert 0 < found["error_rate"] <= 1
    shell.run("compare", job, "job_00000000000000000000000000", code=4)
    with pytest.raises(NotFound):
        client.compare(job, replay)  # another tenant's key


def test_a_session_is_made_gone_on_from_shown_and_erased(shell: Shell, pictures: Path) -> None:
    session = shell.run("sessions", "create", "chat", "--system", "Be brief.").strip()
    shell.run("submit", "chat", "My name is Ada.", "--session", session)
    shell.run("submit", "chat", "What is my name?", "--session", session)
    shown = shell.run("sessions", "show", session)
    assert "at version 2" in shown
    assert shown.count("user: ") == shown.count("assistant: ") == 2
    assert "at version 3" in shell.run("sessions", "rewind", session, "2", "--version", "2")
    _, told = shell.start("sessions", "rewind", session, "1", "--version", "2").communicate()
    assert "The session is at version 3" in told
    assert session in shell.run("sessions", "list")
    jobs = shell.run("jobs", "--session", session, "--json").splitlines()
    assert len(jobs) == 2
    shell.run("sessions", "erase", session)
    assert session not in shell.run("sessions", "list")
    agent = shell.run("sessions", "create", "gui", "--did", "Opened the editor").strip()
    shell.run("sessions", "add", agent, "Logged in")
    screenshot = str(sorted(pictures.glob("*.png"))[0])
    shell.run("submit", "gui", screenshot, "Save", "--session", agent)
    found = json.loads(shell.run("sessions", "show", agent, "--json"))
    assert [entry["text"] for step in found["history"] for entry in step["entries"]][:2] == [
        "Opened the editor",
        "Logged in",
    ]
    assert found["steps"] == 3


def test_the_clients_speak_of_sessions(client: Client, platform: Platform) -> None:
    made = client.sessions.create("chat", metadata={"user": "7"})
    job = client.run("chat", {"prompt": "hello"}, session={"id": made.id, "version": 0})
    assert job.succeeded
    now = client.sessions.read(made.id)
    assert (now.version, now.steps, now.job) == (1, 1, None)
    with pytest.raises(Conflict) as stale:
        client.submit("chat", {"prompt": "x"}, session={"id": made.id, "version": 0})
    assert stale.value.code == "stale_version"

    async def asynchronously() -> list[str]:
        key = platform.keys[TENANTS[0]]
        async with AsyncClient(url=platform.url, key=key) as other:
            await other.run("chat", {"prompt": "again"}, session=made.id)
            await other.sessions.change(made.id, system="Sing.")
            return [entry["role"] async for step in other.sessions.steps(made.id) for entry in step.entries]

    assert asyncio.run(asynchronously()) == ["user", "assistant"] * 2
    assert client.sessions.read(made.id).document["system"] == "Sing."
    client.sessions.erase(made.id)
    assert all(session.id != made.id for session in client.sessions.list(limit=20))


def test_tail_tells_how_far_a_job_of_many_pages_is(shell: Shell, pictures: Path) -> None:
    pages = [str(page) for page in sorted(pictures.glob("*.png"))[:3]]
    job = shell.run("submit", "ocr", *pages, "--together", "--no-wait").strip()
    told = [json.loads(line) for line in shell.run("tail", job, "--json").splitlines()]
    assert told[-1]["event"] == "job.succeeded"
    for event in told:
        if event["event"] == "job.progress":
            assert event["data"]["total"] == 3
    screenshot = shell.run("submit", "gui", pages[0], "Save", "--no-wait").strip()
    _, err = shell.start("tail", screenshot).communicate(timeout=120)
    assert "succeeded" in err
