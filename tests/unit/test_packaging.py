"""The three source roots do not get into each other's way, nor into the standard library's."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = {"torch", "vllm", "transformers", "torchvision"}


def python(code: str, folder: Path = ROOT) -> str:
    argv = [sys.executable, "-c", code]
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_standard_librarys_platform_is_found_in_the_repository_root() -> None:
    assert python("import platform; print(platform.system())") == "Linux"


@pytest.mark.parametrize("root", ["platform", "workers", "dashboard"])
def test_a_source_root_is_no_package(root: str) -> None:
    assert not (ROOT / root / "__init__.py").exists()


@pytest.mark.parametrize(
    "code",
    [
        "import sightline.asgi",
        "import django; django.setup(); from sightline.cli import platform_run",
        "from sightline.celery import app; app.loader.import_default_modules()",
        "import sightline_workers.tasks",
        "import sightline_workers.cli, sightline_workers.demo, sightline.cli.main",
    ],
)
def test_web_and_celery_start_without_loading_an_inference_library(code: str) -> None:
    loaded = python(
        "import os; os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'sightline.settings')\n"
        f"{code}\nimport sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    )
    assert not HEAVY & set(loaded.split())


@pytest.mark.parametrize(
    "lock", sorted((ROOT / "deploy/requirements").glob("*.txt")), ids=lambda path: path.name
)
def test_a_lock_pins_everything_and_names_no_host(lock: Path) -> None:
    lines = [line for line in lock.read_text().splitlines() if line and not line.startswith("#")]
    assert len(lines) > 50
    for line in lines:
        assert re.fullmatch(r"[a-z0-9][a-z0-9.\-]*(\[[a-z0-9,\-]+\])?==\S+( ; .+)?", line), line


def test_the_cpu_lock_takes_the_cpu_build_of_torch() -> None:
    lock = (ROOT / "deploy/requirements/cpu.txt").read_text()
    assert re.search(r"^torch==[\d.]+\+cpu$", lock, re.MULTILINE)
    assert "nvidia-cublas" not in lock


PIP = """#!/bin/sh
case "$*" in *" -r "*)
    for name in $(seq 60); do echo "Collecting package$name==1.0 (from -r core.txt)"; done
    echo "WARNING: a mirror is slow" >&2
    if [ -e "$0.fails" ]; then echo "ERROR: no space left" >&2; exit 1; fi
    echo "Installing collected packages: package1"
    echo "Successfully installed package1-1.0" ;;
esac
"""


def test_installing_tells_how_far_it_is_and_what_pip_said_when_it_fails(tmp_path: Path) -> None:
    python = tmp_path / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(PIP)
    python.chmod(0o755)

    def install() -> subprocess.CompletedProcess[str]:
        argv = ["deploy/requirements/install", str(tmp_path / "venv"), "core"]
        return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

    (fails := python.with_name("python.fails")).touch()
    failed = install()
    assert failed.returncode == 1
    assert "ERROR: no space left" in failed.stderr
    fails.unlink()
    done = install()
    assert (done.returncode, done.stderr) == (0, "")
    head, collected, unpacking, _ = done.stdout.splitlines()
    assert head.startswith("Installing ")
    assert collected.endswith(": package50==1.0")
    assert "unpacking" in unpacking
    assert install().stdout == "", "nothing to do the second time"
