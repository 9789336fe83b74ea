"""Batches on the command line: stopped, gone on with, cancelled."""

import json
import signal
from pathlib import Path

from support.platform import Platform
from support.shell import COUNT, Shell
from support.waiting import until


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
