"""A terminal in which the command line is used."""

import os
import subprocess
import sys
from pathlib import Path

from support.platform import Platform

COUNT = 40
"""Pictures of a folder, and lines of a batch."""


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


def submitted(platform: Platform, tag: str) -> int:
    """How many jobs have the tag."""
    statement = "SELECT COUNT(*) AS n FROM jobs_jobtag WHERE tag = ?"
    return int(platform.rows(statement, tag)[0]["n"])
