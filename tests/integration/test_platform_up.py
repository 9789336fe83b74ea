"""`sightline up` and `demo` as a person runs them, with the simulated engine: all starts, and all ends."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import sync_playwright

from sightline.client import Client
from sightline.processes import table
from sightline_dashboard.screenshots import CHROMIUM, FLAGS, Site, sign_in

READY = "Ctrl-C stops everything."


class Terminal:
    """One run of a `sightline` command, its output read as it comes."""

    def __init__(self, *words: str, env: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sightline", *words],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as output:
            for line in output:
                with self._changed:
                    self.lines.append(line)
                    self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    @property
    def text(self) -> str:
        return "".join(self.lines)

    def wait_for(self, words: str) -> None:
        with self._changed:
            shown = self._changed.wait_for(
                lambda: words in self.text or not self._reader.is_alive(), timeout=150
            )
        assert shown, f"{words!r} did not appear:\n{self.text}"
        assert words in self.text, self.text

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        code = self.process.wait(150)
        self._reader.join(60)
        return code


@pytest.fixture
def home() -> Iterator[Path]:
    """A data folder with a path that is short enough for sockets."""
    folder = Path(tempfile.mkdtemp(prefix="sightline-up-"))
    yield folder
    for process in of_platform(folder):
        table.send(process, signal.SIGKILL)
    shutil.rmtree(folder)


@pytest.fixture
def env(home: Path) -> dict[str, str]:
    """Nothing but a folder and free ports, with the embedded Redis and SQLite."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("SIGHTLINE_")}
    return {**bare, "SIGHTLINE_HOME": str(home), "SIGHTLINE_PORT": "0", "SIGHTLINE_FLOWER_PORT": "0"}


def of_platform(home: Path) -> list[table.Process]:
    """Every process that works on this data folder."""
    mark = f"SIGHTLINE_HOME={home}".encode()
    return [process for process in table.everything() if mark in table.environment(process.pid).split(b"\0")]


def wait_until_nothing_is_left(home: Path) -> None:
    until = time.monotonic() + 60
    while left := of_platform(home):
        assert time.monotonic() < until, left
        time.sleep(0.05)


def test_the_demo_runs_three_jobs_and_leaves_nothing_behind(home: Path, env: dict[str, str]) -> None:
    terminal = Terminal("demo", "--twin", "--once", env=env)
    assert terminal.ended() == 0, terminal.text
    assert not of_platform(home)
    for kind in ("ocr", "gui", "chat"):
        assert re.search(rf"^{kind}  succeeded", terminal.text, re.MULTILINE)
        assert f"{home}/demo/{kind}.png" in terminal.text
    assert len(re.findall(r"/admin/jobs/job/job_\w+/change/$", terminal.text, re.MULTILINE)) == 3
    assert len(list((home / "demo" / "pages").glob("*.png"))) == 3
    assert len((home / "requests.jsonl").read_text().splitlines()) == 3


def test_the_addresses_are_the_last_that_a_demo_shows_and_its_log_lines_are_in_files(
    home: Path, env: dict[str, str]
) -> None:
    terminal = Terminal("demo", "--twin", env=env)
    terminal.wait_for(READY)
    results, _, addresses = terminal.text.partition("  API docs ")
    assert all(re.search(rf"^{kind}  succeeded", results, re.MULTILINE) for kind in ("ocr", "gui", "chat"))
    assert addresses.rstrip().endswith(READY)
    assert " INFO " not in terminal.text
    assert "event=started" in "".join(path.read_text() for path in (home / "log").glob("chat-*.log"))
    assert terminal.end(signal.SIGINT) == 0, terminal.text


def test_every_address_that_is_shown_answers_and_needs_its_password(home: Path, env: dict[str, str]) -> None:
    terminal = Terminal("up", "--twin", env=env)
    terminal.wait_for(READY)
    docs, admin, shown, flower = re.findall(
        r"(http://127\.0\.0\.1:\d+/\S*)", terminal.text.partition("API docs")[2]
    )[:4]
    assert httpx.get(docs).status_code == 200
    assert httpx.get(admin).is_redirect
    assert httpx.get(shown).headers["Location"] == "/admin/login/?next=/flower/"
    password = (home / "flower-password").read_text().strip()
    with httpx.Client(transport=httpx.HTTPTransport(retries=5)) as client:
        assert client.get(flower).status_code == 401
        assert client.get(f"{flower}workers", auth=("operator", password)).status_code == 200
    commands = [(table.PROC / str(process.pid) / "cmdline").read_bytes() for process in of_platform(home)]
    assert not [command for command in commands if password.encode() in command]
    second = Terminal("up", "--twin", env=env)
    assert second.ended() == 1
    assert "runs already" in second.text
    assert terminal.end(signal.SIGHUP) == 0, terminal.text
    assert not of_platform(home)


@pytest.mark.browser
def test_flower_shows_workers_and_tasks_behind_the_admins_sign_in(home: Path, env: dict[str, str]) -> None:
    terminal = Terminal("up", "--twin", env=env)
    terminal.wait_for(READY)
    web = terminal.text.partition("API docs   ")[2].partition("/api/")[0]
    site = Site(url=web, user="operator", password=(home / "operator-password").read_text().strip())
    with Client(url=web, key=(home / "api-key").read_text().strip()) as client:
        job = client.submit("chat", {"prompt": "hello"}, wait_s=60).id
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(base_url=web)
        page.set_default_timeout(60_000)
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        sign_in(page, site)
        page.goto("/flower/")
        for kind in ("gui", "chat", "ocr"):
            page.locator("tbody tr", has_text=f"{kind}-cpu0@").wait_for()
        page.get_by_role("link", name="Tasks").click()
        page.get_by_role("link", name=job).click()  # from the task to its job …
        page.wait_for_url(f"**/admin/jobs/job/{job}/change/")
        page.locator('a[href^="/flower/task/"]').click()  # … and back
        page.get_by_text("SUCCESS").first.wait_for()
        assert page.get_by_role("link", name=job).first.is_visible()
        page.get_by_role("link", name="Sightline", exact=True).click()
        page.wait_for_url("**/admin/")
        browser.close()
    assert complaints == []
    assert terminal.end(signal.SIGTERM) == 0, terminal.text


def test_after_a_sigkill_nothing_blocks_the_next_start(home: Path, env: dict[str, str]) -> None:
    first = Terminal("up", "--twin", env=env)
    first.wait_for(READY)
    first.end(signal.SIGKILL)
    second = Terminal("up", "--twin", env=env)
    second.wait_for(READY)
    assert "Prepared the database" not in second.text
    assert second.end(signal.SIGTERM) == 0, second.text
    wait_until_nothing_is_left(home)


def test_a_taken_port_is_said_before_anything_starts(home: Path, env: dict[str, str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        terminal = Terminal("up", "--twin", env={**env, "SIGHTLINE_FLOWER_PORT": str(port)})
        assert terminal.ended() == 1
    assert f"Port {port}" in terminal.text
    assert "SIGHTLINE_FLOWER_PORT" in terminal.text
    assert "Traceback" not in terminal.text
    assert not (home / "redis").exists()
