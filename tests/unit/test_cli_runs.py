"""What the command line makes of its arguments, and what it remembers of a run."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest

from sightline.cli.inputs import one_each
from sightline.cli.job_result import judge
from sightline.cli.journal import Held, Journal, journal_path
from sightline.cli.params import Moment, parameters
from sightline.cli.tail import Terminal
from sightline.client import Event, Job


def job(status: str) -> Job:
    return Job.read({"id": "job_1", "kind": "ocr", "status": status})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.png", "a.JPG", "deep/b.png", ".hidden/c.png", ".d.png", "notes.txt"):
        file = tmp_path / "in" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"")
    return tmp_path / "in"


def test_a_folder_is_a_job_for_each_image_below_it(folder: Path) -> None:
    assert [asked.name for asked in one_each([folder], {})] == ["a.JPG", "b.png", "deep/b.png"]


def test_a_file_that_is_named_is_sent_whatever_it_is_called(folder: Path) -> None:
    assert [asked.name for asked in one_each([folder / "notes.txt"], {})] == ["notes.txt"]


def test_files_of_the_same_name_are_told_apart_by_their_paths(folder: Path) -> None:
    names = [asked.name for asked in one_each([folder / "b.png", folder / "deep"], {})]
    assert len(set(names)) == 2
    assert all(name.endswith("b.png") and not name.startswith("/") for name in names)


def test_a_folder_without_images_and_an_image_named_twice_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(click.BadParameter, match="no images"):
        one_each([_empty(tmp_path)], {})
    with pytest.raises(click.BadParameter, match="twice"):
        one_each([folder / "b.png", folder / "b.png"], {})


def _empty(tmp_path: Path) -> Path:
    (tmp_path / "empty").mkdir()
    return tmp_path / "empty"


def test_a_journal_remembers_over_a_crash_and_keeps_its_keys(tmp_path: Path) -> None:
    file = tmp_path / "out" / "j.jsonl"
    with Journal(file) as journal:
        assert not journal.resumed
        keys = [journal.key(name) for name in ("a", "b")]
        assert len(set(keys)) == 2
        journal.submitted("a", "job_a")
        journal.submitted("b", "job_b")
        journal.ended("a", "succeeded")
    with file.open("a") as cut_off:
        cut_off.write('{"item": "b", "stat')
    with Journal(file) as journal:
        assert journal.resumed
        assert [journal.key(name) for name in ("a", "b")] == keys
        assert journal.item("a").status == "succeeded"
        assert list(journal.unended()) == [("b", "job_b")]
        journal.ended("b", "failed")
    with Journal(file) as journal:
        assert list(journal.unended()) == []
    assert all(json.loads(line) for line in file.read_text().splitlines())


def test_a_job_that_is_made_anew_has_another_key(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        journal.submitted("a", "job_a")
        before = journal.key("a")
        journal.again("a")
        after = journal.key("a")
        assert before != after
        assert journal.item("a").job is None
    with Journal(tmp_path / "j") as journal:
        assert journal.key("a") == after


def test_one_run_has_one_process(tmp_path: Path) -> None:
    with Journal(tmp_path / "j"), pytest.raises(Held), Journal(tmp_path / "j"):
        pass
    with Journal(tmp_path / "j", anew=True) as journal:
        assert not journal.resumed


def test_a_run_begun_anew_has_new_keys(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        key = journal.key("a")
        journal.submitted("a", "job_a")
    with Journal(tmp_path / "j", anew=True) as journal:
        assert journal.key("a") != key
        assert journal.item("a").job is None


def test_runs_with_other_requests_have_other_journals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    assert journal_path(out, {"kind": "ocr"}, ["a"]) == journal_path(out, {"kind": "ocr"}, ["a", "b"])
    assert journal_path(out, {"kind": "ocr"}, []) != journal_path(out, {"kind": "ocr", "model": "x"}, [])
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    found = journal_path(None, {"kind": "ocr"}, ["a"])
    assert found.is_relative_to(tmp_path / "state")
    assert found != journal_path(None, {"kind": "ocr"}, ["a", "b"])


@pytest.mark.parametrize(
    ("statuses", "code"),
    [(["succeeded"], None), (["failed", "succeeded"], 1), (["incomplete"], 1), (["failed", "running"], 5)],
)
def test_jobs_decide_the_exit_code(statuses: list[str], code: int | None) -> None:
    if code is None:
        judge(map(job, statuses))
        return
    with pytest.raises(click.ClickException) as ended:
        judge(map(job, statuses))
    assert ended.value.exit_code == code


def test_a_time_is_a_moment_or_how_long_ago() -> None:
    convert = Moment().convert
    assert convert("2026-10-01T09:00:00+02:00", None, None) == datetime(2026, 10, 1, 7, tzinfo=UTC)
    assert timedelta(hours=1.9) < datetime.now(UTC) - convert("2h", None, None) < timedelta(hours=2.1)
    with pytest.raises(click.BadParameter):
        convert("soon", None, None)


def test_parameters_are_json_where_they_can_be() -> None:
    assert parameters(["a=1", "b=[1]", "c=x=y", "d=true"]) == {"a": 1, "b": [1], "c": "x=y", "d": True}
    with pytest.raises(click.BadParameter):
        parameters(["a"])


def shown(capsys: pytest.CaptureFixture[str], *events: tuple[str, dict[str, Any]]) -> tuple[str, str]:
    terminal = Terminal()
    for number, (type, data) in enumerate(events):
        terminal.show(Event(number=number, type=type, data=data))
    found = capsys.readouterr()
    return found.out, found.err


def test_tail_shows_text_on_standard_output_and_the_rest_beside_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    out, err = shown(
        capsys,
        ("job.queued", {"queue": {"position": 2}}),
        ("job.started", {"attempt": 1}),
        ("output.delta", {"index": 0, "text": "Cof"}),
        ("output.delta", {"index": 0, "text": "fee"}),
        ("output.delta", {"index": 1, "text": "Bread"}),
        ("job.succeeded", {"status": "succeeded", "timings_ms": {"total": 12.0}}),
    )
    assert out == "Coffee\nBread\n"
    assert err == "queued, number 2\nstarted, run 1\nsucceeded in 12 ms\n"


def test_tail_says_when_text_is_void_and_shows_what_follows(capsys: pytest.CaptureFixture[str]) -> None:
    out, err = shown(
        capsys,
        ("output.delta", {"index": 0, "text": "Cof"}),
        ("job.attempt_failed", {"attempt": 1, "code": "engine_error"}),
        ("output.reset", {"reason": "attempt_failed", "texts": [], "output": None}),
        ("output.reset", {"reason": "gap", "texts": ["Coffee", "Br"], "output": None}),
        ("output.delta", {"index": 1, "text": "ead"}),
        ("job.failed", {"status": "failed", "error": {"message": "It broke."}}),
    )
    assert out == "Cof\nCoffee\nBread\n"
    assert "void" in err
    assert err.endswith("\nfailed\n")  # why is what the command ends with, once
