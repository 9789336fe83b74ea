"""The `sightline` command itself: quick, and unbroken by what other packages add to it."""

import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest
from click.testing import CliRunner

from sightline.cli import main


def test_help_lists_our_commands_and_those_of_other_packages() -> None:
    shown = CliRunner().invoke(main.sightline, ["--help"]).output
    for name in (
        "up",
        "web",
        "sweeper",
        "prepare",
        "submit",
        "jobs",
        "wait",
        "tail",
        "explain",
        "cancel",
        "retry",
        "replay",
        "batch",
        "completion",
        "keys",
        "check",
        "group",
        "twin",
        "demo",
    ):
        assert f"\n  {name} " in shown


def test_help_loads_neither_the_domain_nor_a_terminal_library() -> None:
    code = (
        "import sys\nfrom click.testing import CliRunner\nfrom sightline.cli.main import sightline\n"
        "assert CliRunner().invoke(sightline, ['--help']).exit_code == 0\nprint(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = set(done.stdout.split())
    assert not {"sightline.jobs.models", "rest_framework", "rich.console", "httpx", "torch"} & loaded


@pytest.mark.parametrize("value", ["does.not.exist:command", "sightline.ids:JOB", "sightline.ids:nothing"])
def test_a_command_that_cannot_be_loaded_says_so_and_leaves_the_others_alone(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = EntryPoint(name="broken", value=value, group=main.ENTRY_POINTS)
    monkeypatch.setattr(main, "_plugins", lambda: {"broken": broken})
    assert "cannot be loaded" in CliRunner().invoke(main.sightline, ["--help"]).output
    called = CliRunner().invoke(main.sightline, ["broken", "--with", "words"])
    assert called.exit_code == 1
    assert value in called.output
    assert "Traceback" not in called.output


def test_an_unknown_command_is_named() -> None:
    called = CliRunner().invoke(main.sightline, ["sumbit"])
    assert called.exit_code == 2
    assert "sumbit" in called.output


def test_the_help_documents_the_exit_codes() -> None:
    shown = CliRunner().invoke(main.sightline, ["--help"]).output
    for code in (0, 1, 2, 3, 4, 5, 130):
        assert f"\n    {code} " in shown


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_get_a_script_that_asks_us(shell: str) -> None:
    done = CliRunner().invoke(main.sightline, ["completion", shell])
    assert done.exit_code == 0
    assert "_SIGHTLINE_COMPLETE" in done.output


def test_commands_and_options_are_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    def completed(*words: str) -> str:
        env = {"COMP_WORDS": " ".join(("sightline", *words)), "COMP_CWORD": str(len(words))}
        env["_SIGHTLINE_COMPLETE"] = "bash_complete"
        return CliRunner().invoke(main.sightline, [], env=env, prog_name="sightline").output

    assert "plain,submit" in completed("sub")
    assert "plain,ocr" in completed("submit", "o")
    assert "plain,--retry-failed" in completed("submit", "ocr", "--retry")
