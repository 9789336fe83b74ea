"""What operators do on the command line."""

import json
from pathlib import Path

from support.bodies import picture
from support.platform import OPERATOR, TENANTS, Platform
from support.shell import Shell, submitted
from support.waiting import until

from sightline.client import Client


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
