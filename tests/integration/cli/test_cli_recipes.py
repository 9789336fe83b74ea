"""Every recipe runs as it stands."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.bodies import picture
from support.platform import ROOT, TENANTS, Platform
from support.shell import Shell

RECIPES = (ROOT / "platform" / "sightline" / "api" / "recipes.md").read_text()
BLOCKS = re.findall(
    r"^## ([^\n]+)\n(?:(?!^## ).)*?^```(python|bash)\n(.*?)^```", RECIPES, re.DOTALL | re.MULTILINE
)


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
