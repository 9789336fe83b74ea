"""The client and the command line on it, against the running platform on the simulated engine."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.bodies import picture
from support.platform import OPERATOR, ROOT, TENANTS, Platform
from support.waiting import until

from sightline.client import AsyncClient, Client, Conflict, Event, NotFound

COUNT = 40
RECIPES = (ROOT / "platform" / "sightline" / "api" / "recipes.md").read_text()
BLOCKS = re.findall(
    r"^## ([^\n]+)\n(?:(?!^## ).)*?^```(python|bash)\n(.*?)^```", RECIPES, re.DOTALL | re.MULTILINE
)


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


def requests(folder: Path, count: int) -> Path:
    file = folder / "requests.jsonl"
    body = {"model": "default", "messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 5}
    line = {"method": "POST", "url": "/v1/chat/completions", "body": body}
    file.write_text("".join(json.dumps({"custom_id": f"line-{n}", **line}) + "\n" for n in range(count)))
    return file


def test_a_batch_survives_a_kill_and_ctrl_c_and_is_made_once(platform: Platform, shell: Shell) -> None:
    file = requests(shell.folder, COUNT)
    with file.open("a") as more:
        more.write(
            '{"custom_id": "bad", "method": "POST", "url": "/v1/chat/completions", "body": {"x": 1}}\n'
        )
    words = ("batch", "run", str(file))
    state = shell.folder / ".requests.results.jsonl.sightline.json"
    platform.pause("ocr")

    killed = shell.start(*words)
    until(lambda: state.exists() and json.loads(state.read_text())["batch_id"], what="the batch is accepted")
    killed.kill()
    killed.communicate()
    # As if it had been killed before the answer was written down.
    remembered = json.loads(state.read_text())
    batch, remembered["batch_id"] = remembered["batch_id"], ""
    state.write_text(json.dumps(remembered))

    stopped = shell.start(*words)
    until(lambda: json.loads(state.read_text())["batch_id"] == batch, what="the batch is found again")
    stopped.send_signal(signal.SIGINT)
    _, err = stopped.communicate(timeout=60)
    assert stopped.returncode == 130, err

    platform.resume("ocr")
    shell.run(*words, code=1)  # for the bad line
    results = [
        json.loads(line) for line in (shell.folder / "requests.results.jsonl").read_text().splitlines()
    ]
    assert sorted(result["custom_id"] for result in results) == sorted(f"line-{n}" for n in range(COUNT))
    errors = [json.loads(line) for line in (shell.folder / "requests.errors.jsonl").read_text().splitlines()]
    assert [error["custom_id"] for error in errors] == ["bad"]
    assert not state.exists()
    assert [json.loads(line)["id"] for line in shell.run("batch", "list", "--json").splitlines()].count(
        batch
    ) == 1
    assert f"{COUNT} completed and 1 failed" in shell.run("batch", "show", batch)
    assert len(shell.run("batch", "results", batch).splitlines()) == COUNT


def test_a_batch_is_cancelled_with_its_command_when_told_to(platform: Platform, shell: Shell) -> None:
    file = requests(shell.folder, 3)
    platform.pause("ocr")
    run = shell.start("batch", "run", str(file), "--cancel-on-interrupt")
    until(lambda: platform.active() == 3, what="the jobs are made")
    run.send_signal(signal.SIGINT)
    run.communicate(timeout=60)
    assert run.returncode == 130
    until(lambda: platform.active() == 0, what="the jobs are cancelled")


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


def test_every_section_of_the_recipes_has_one() -> None:
    assert [title for title, _, _ in BLOCKS] == re.findall(r"^## (.+)$", RECIPES, re.MULTILINE)
    assert len(BLOCKS) == RECIPES.count("```") / 2


@pytest.mark.parametrize(("title", "language", "code"), BLOCKS, ids=[title for title, _, _ in BLOCKS])
def test_a_recipe_runs_as_it_stands(
    platform: Platform, shell: Shell, tmp_path: Path, title: str, language: str, code: str
) -> None:
    data = tmp_path / ".sightline"
    (data / "demo" / "pages").mkdir(parents=True)
    (data / "api-key").write_text(platform.keys[TENANTS[1]] + "\n")
    for name in ("ocr", "gui", "pages/seat"):
        (data / "demo" / f"{name}.png").write_bytes(picture(5))
    program = [sys.executable, "-c"] if language == "python" else ["bash", "-euo", "pipefail", "-c"]
    ran = subprocess.run(
        [*program, code.replace("http://127.0.0.1:8000", platform.url)],
        cwd=tmp_path,
        env={**shell.env, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip()


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


def test_an_operator_moves_expires_and_asks_anew_on_the_command_line(
    platform: Platform, shell: Shell
) -> None:
    platform.pause("ocr")
    image = shell.folder / "a.png"
    image.write_bytes(picture(900))
    job = shell.run("submit", "ocr", str(image), "--no-wait").strip()
    assert "queued" in shell.run("move", job, "--seats", "ocr", "--reason", "nothing to do")
    assert "expired" in shell.run("expire", job, "--reason", "too late")
    shell.run("retry", job, "--input", '{"mode": "markdown"}', "--param", "max_tokens=64")
    shown = json.loads(shell.run("jobs", "show", job, "--json"))
    assert (shown["input"]["mode"], shown["params"]) == ("markdown", {"max_tokens": 64})
    shell.run("move", job, "--seats", "chat")
    assert json.loads(shell.run("wait", job, "--json"))["status"] in ("succeeded", "incomplete")
    _, told = shell.start("quarantine", job).communicate(timeout=120)
    assert "scope admin" in told


def test_draining_a_kind_waits_until_what_runs_has_ended(
    platform: Platform, shell: Shell, tmp_path: Path
) -> None:
    operator = Shell(platform, tmp_path, OPERATOR)
    image = shell.folder / "a.png"
    image.write_bytes(picture(901))
    platform.hold()
    job = shell.run("submit", "ocr", str(image), "--no-wait").strip()
    until(lambda: platform.job(job)["status"] == "running", what="the job runs")
    drain = operator.start("queues", "drain", "ocr")
    assert drain.stderr is not None
    assert "1 still runs." in drain.stderr.readline()
    assert drain.poll() is None
    platform.heal()
    out, _ = drain.communicate(timeout=240)
    assert "ocr.default is paused, 0 running" in out
    assert json.loads(shell.run("jobs", "show", job, "--json"))["status"] in ("succeeded", "incomplete")
    operator.run("queues", "resume", "ocr")


def test_an_operator_pauses_drains_and_changes_seats_on_the_command_line(
    platform: Platform, tmp_path: Path
) -> None:
    operator = Shell(platform, tmp_path, OPERATOR)
    assert "ocr.default is paused" in operator.run("queues", "pause", "ocr")
    assert "paused" in operator.run("queues")
    assert "ocr.default is open" in operator.run("queues", "resume", "ocr", "--reason", "a test")
    assert "ocr.default is paused, 0 running" in operator.run("queues", "drain", "ocr", "--reason", "a test")
    operator.run("queues", "resume", "ocr")
    group = json.loads(operator.run("groups", "--json"))["id"]
    assert "is drained" in operator.run("groups", "drain", group)
    assert "is drained" not in operator.run("groups", "resume", group)
    assert "gui=1" in operator.run("groups", "seats", group, "gui=1")
    before = json.loads(operator.run("groups", "--json"))["seats_started_with"]["gui"]
    assert f"gui={before}" in operator.run("groups", "seats", group, "gui=default")
    assert group in operator.run("groups")
    _, told = operator.start("groups", "seats", group, "video=3").communicate(timeout=60)
    assert "gui=24" in told


def test_a_search_is_acted_on_after_it_was_counted(platform: Platform, shell: Shell) -> None:
    platform.pause("ocr")
    image = shell.folder / "a.png"
    image.write_bytes(picture(5))
    for _ in range(4):
        shell.run("submit", "ocr", str(image), "--tag", "crowd", "--no-wait")
    search = "tag:crowd status:queued"
    chosen = json.loads(shell.run("bulk", "cancel", search, "--dry-run", "--json"))
    assert (chosen["state"], chosen["total"]) == ("stopped", 4)
    assert "Nothing was done" in shell.run("bulk", "cancel", search, "--dry-run")
    asked = shell.start("bulk", "cancel", search)
    _, told = asked.communicate(timeout=60)  # nobody answers
    assert (asked.returncode, "4 jobs; 4 ocr; 4 queued" in told) == (1, True)
    assert submitted(platform, "crowd") == 4
    assert platform.active() == 4
    assert "is done. 4 done and 0 refused of 4." in shell.run("bulk", "cancel", search, "--yes")
    assert platform.active() == 0
    acts = [json.loads(line)["state"] for line in shell.run("bulk", "list", "--json").splitlines()]
    assert acts == [
        "done",
        "stopped",
        "stopped",
        "stopped",
    ]  # nothing that was only looked at waits to be run
    assert "No job matches" in shell.start("bulk", "cancel", search).communicate(timeout=60)[1]
    assert shell.run("bulk", "cancel", "tag:crowd", "--dry-run") == ""
    assert json.loads(shell.run("bulk", "cancel", search, "--dry-run", "--json"))["total"] == 0
    assert "scope admin" in shell.start("bulk", "release", "tag:crowd").communicate(timeout=60)[1]


def test_an_act_whose_first_jobs_fail_again_halts_and_says_how_to_go_on(
    platform: Platform, shell: Shell
) -> None:
    with Client(url=platform.url, key=platform.keys[TENANTS[1]], patience_s=120) as client:
        for number in range(4):
            prompt = f"{number} " + "word " * 40_000  # more than the model's context
            failed = client.run("chat", {"prompt": prompt}, tags=["endless"])
            assert failed.status == "failed"
    explained = shell.run("explain", failed.id)
    assert str((failed.error or {})["message"]) in explained
    assert f"`sightline jobs show {failed.id}`" in explained
    run = shell.start("bulk", "retry", "tag:endless", "--yes")
    out, err = run.communicate(timeout=240)
    assert run.returncode == 1
    assert "is halted. 3 done and 0 refused of 4." in out
    act = out.split()[0]
    assert f"`sightline bulk run {act}` goes on" in err
    assert "is done. 4 done" in shell.run("bulk", "run", act)
