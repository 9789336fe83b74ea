"""What reaches the terminal, what only its file."""

from pathlib import Path

import pytest

from sightline.cli.screen import Screen


def show(folder: Path, *lines: tuple[str, str], verbose: bool = False) -> None:
    screen = Screen(folder, verbose=verbose)
    for name, text in lines:
        screen.line(name, text)
    screen.close()


def test_a_groups_lines_carry_the_name_of_who_wrote_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show(tmp_path, ("group-cpu0", "gui     | event=started job=job_1"), ("web", "a | b"))
    assert capsys.readouterr().out == "gui-cpu0     │ event=started job=job_1\nweb          │ a | b\n"
    assert (tmp_path / "gui-cpu0.log").read_text() == "event=started job=job_1\n"


def test_the_engine_is_quiet_unless_it_has_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ("group-cpu0", "engine  | INFO loading"), ("group-cpu0", "engine  | ERROR out of memory")
    show(tmp_path, *lines)
    assert capsys.readouterr().out == "engine-cpu0  │ ERROR out of memory\n"
    assert "INFO loading" in (tmp_path / "engine-cpu0.log").read_text()


def test_what_an_engine_says_while_the_platform_stops_is_in_its_file_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    screen = Screen(tmp_path, verbose=False)
    screen.stopping()
    screen.line("group-cpu0", "engine  | ERROR AsyncLLM output_handler failed: EngineDeadError")
    screen.line("group-cpu0", "gui     | ERROR a job was lost")
    screen.close()
    assert capsys.readouterr().out == "gui-cpu0     │ ERROR a job was lost\n"
    assert "EngineDeadError" in (tmp_path / "engine-cpu0.log").read_text()


def test_what_goes_as_it_should_is_in_the_files_and_warnings_are_shown_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at = "2026-10-01 09:00:00,000"
    fine = f"{at} INFO sightline.jobs event=started job=job_1 error=none"
    bad = f"{at} WARNING sightline.web event=look_failed reason='INFO'"
    trace = ("Traceback (most recent call last):", '  File "x.py", line 1', "ValueError: no")
    show(tmp_path, ("web", fine), ("web", bad), *(("web", line) for line in trace))
    shown = capsys.readouterr().out
    assert fine not in shown
    assert all(line in shown for line in (bad, *trace))
    assert fine in (tmp_path / "web.log").read_text()


def test_what_vllm_warns_of_by_the_name_of_an_error_is_no_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ulimit = "(APIServer pid=7) WARNING 10-01 09:00:00 [u.py:1] Found ulimit of 20: `OSError: [Errno 24]`"
    show(tmp_path, ("group-cpu0", f"engine  | {ulimit}"), ("group-cpu0", "engine  | RuntimeError: no memory"))
    assert capsys.readouterr().out == "engine-cpu0  │ RuntimeError: no memory\n"


def test_verbose_shows_everything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    show(tmp_path, ("redis", "Ready to accept connections"), verbose=True)
    assert "Ready" in capsys.readouterr().out


def test_the_log_of_the_run_before_is_kept(tmp_path: Path) -> None:
    show(tmp_path, ("web", "first"))
    show(tmp_path, ("web", "second"))
    assert (tmp_path / "web.log").read_text() == "second\n"
    assert (tmp_path / "web.log.1").read_text() == "first\n"


def test_progress_without_a_terminal_is_a_line_now_and_then(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    screen = Screen(tmp_path, verbose=False)
    for _ in range(3):
        screen.progress("Loading vLLM")
    screen.progress("")
    screen.close()
    assert capsys.readouterr().out == "Loading vLLM … 0 s\n"


def test_markup_in_a_line_is_shown_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    show(tmp_path, ("web", "GET [/] [bold]"))
    assert "GET [/] [bold]" in capsys.readouterr().out
