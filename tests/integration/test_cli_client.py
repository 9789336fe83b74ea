"""The client and the command line on it, against the running platform on the simulated engine."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.bodies import picture
from support.platform import TENANTS, Platform
from support.waiting import until

from sightline.client import AsyncClient, Client, Event

COUNT = 40


@pytest.fixture(scope="module")
def _running(request: pytest.FixtureRequest, database_kind: str) -> Iterator[Platform]:
    postgres = request.getfixturevalue("postgres_server") if database_kind == "postgres" else None
    with Platform(groups=1, postgres=postgres) as platform:
        platform._start("cpu", "cpu")
        yield platform


@pytest.fixture
def platform(_running: Platform) -> Iterator[Platform]:
    yield _running
    _running.resume("ocr")
    _running.drained()


@pytest.fixture
def client(platform: Platform) -> Iterator[Client]:
    with Client(url=platform.url, key=platform.keys[TENANTS[0]], patience_s=120) as found:
        yield found


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    (folder / "deep").mkdir(parents=True)
    for number in range(COUNT):
        (folder / ("deep" if number % 2 else ".") / f"{number:03}.png").write_bytes(picture(number))
    return folder


class Shell:
    """A person's shell with a key of their own."""

    def __init__(self, platform: Platform, folder: Path, tenant: str) -> None:
        self.folder = folder
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SIGHTLINE_")},
            "SIGHTLINE_URL": platform.url,
            "SIGHTLINE_KEY": platform.keys[tenant],
            "XDG_STATE_HOME": str(folder / "state"),
        }

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "sightline", *words],
            env=self.env,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str, code: int = 0) -> str:
        """What it printed; it must end with `code`."""
        process = self.start(*words)
        out, err = process.communicate(timeout=240)
        assert process.returncode == code, err
        return out


@pytest.fixture
def shell(platform: Platform, tmp_path: Path) -> Shell:
    return Shell(platform, tmp_path, TENANTS[1])


def submitted(platform: Platform, tag: str) -> int:
    statement = "SELECT COUNT(*) AS n FROM jobs_jobtag WHERE tag = ?"
    return int(platform.rows(statement, tag)[0]["n"])


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
    lines = shell.run("submit", "ocr", *chosen, "--json").splitlines()
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


def test_scripts_follow_one_job_through_its_life(platform: Platform, shell: Shell, pictures: Path) -> None:
    platform.pause("ocr")
    job = shell.run("submit", "ocr", str(pictures / "000.png"), "--no-wait", "--tag", "life").strip()
    assert "queue_paused" in shell.run("explain", job, "--json")
    shell.run("wait", job, "--timeout", "0.2", code=5)
    assert job in shell.run("jobs", "--tag", "life", "--status", "queued", "--after", "1h")
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
