"""What the terminal shows while the platform runs: prefixed lines, events, one line of progress."""

import re
import threading
import time
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.status import Status
from rich.text import Text

_COLOURS = ("cyan", "magenta", "blue", "green", "yellow", "bright_cyan", "bright_magenta", "bright_blue")
_FROM_GROUP = re.compile(r"^(\w+) *\| (.*)$")
_LEVEL = re.compile(r"^.{0,60}?\b(DEBUG|INFO|WARNING|ERROR|CRITICAL)\b")
"""Of a log line: ours has its time before it, vLLM's the process."""
_TROUBLE = re.compile(r"\b(Traceback|\w+Error:)")
_SHOWN = frozenset({"WARNING", "ERROR", "CRITICAL"})
_QUIET_SOURCES = frozenset({"redis", "engine"})
"""Programs that warn of much that nobody can change; their errors are shown."""
_SAID_OTHERWISE = re.compile(r"\bevent=engine_state\b")
"""Log lines that repeat what an event has just shown."""
_PLAIN_EVERY_S = 10.0
WIDTH = 12


class Screen:
    """Thread-safe. Everything goes to `<folder>/<name>.log`; unless `verbose`, warnings and errors alone are shown."""

    def __init__(self, folder: Path, *, verbose: bool) -> None:
        self.console = Console(highlight=False, soft_wrap=True)
        self.verbose = verbose
        self._folder = folder
        self._files: dict[str, TextIO] = {}
        self._colours: dict[str, str] = {}
        self._lock = threading.Lock()
        self._stopping = False
        self._status: Status | None = None
        self._progress = ""
        self._progress_since = 0.0
        self._progress_shown = 0.0

    def line(self, name: str, text: str) -> None:
        """A line of output of a program. A group's lines carry the name of the one among its own."""
        source, text = _source(name, text)
        with self._lock:
            self._keep(source, text)
            if text.strip() and (self.verbose or self._shows(source, text)):
                self._print(source, Text(text))

    def event(self, name: str, text: str, *, style: str = "yellow") -> None:
        """Something that we have to say about a program."""
        with self._lock:
            self._keep(name, f"== {text}")
            self._print(name, Text(text, style=style))

    def say(self, text: str | Text = "") -> None:
        """Something for the reader, without a prefix."""
        with self._lock:
            self.console.print(text)

    def progress(self, text: str) -> None:
        """Show that `text` goes on, with its seconds; an empty text ends it. Call it again to keep it fresh."""
        with self._lock:
            now = time.monotonic()
            if text != self._progress:
                self._progress, self._progress_since, self._progress_shown = text, now, 0.0
                if self._status is not None:
                    self._status.stop()
                    self._status = None
            if not text:
                return
            seconds = f"{text} … {now - self._progress_since:.0f} s"
            if not self.console.is_terminal:
                if now - self._progress_shown >= _PLAIN_EVERY_S:
                    self._progress_shown = now
                    self.console.print(seconds)
            elif self._status is None:
                self._status = self.console.status(seconds)
                self._status.start()
            else:
                self._status.update(seconds)

    def stopping(self) -> None:
        """From now on an engine complains of nothing but its own end: that is for its file."""
        with self._lock:
            self._stopping = True

    def close(self) -> None:
        self.progress("")
        with self._lock:
            for file in self._files.values():
                file.close()
            self._files.clear()

    def log_file(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def _shows(self, source: str, text: str) -> bool:
        return not (self._stopping and _program(source) == "engine") and _matters(source, text)

    def _print(self, name: str, text: Text) -> None:
        colour = self._colours.setdefault(name, _COLOURS[len(self._colours) % len(_COLOURS)])
        self.console.print(Text.assemble((f"{name:{WIDTH}} │ ", colour), text))

    def _keep(self, name: str, text: str) -> None:
        file = self._files.get(name)
        if file is None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path = self.log_file(name)
            if path.exists():
                path.replace(path.with_suffix(".log.1"))
            file = self._files[name] = path.open("w", encoding="utf-8", buffering=1)
        file.write(text + "\n")


def _matters(source: str, text: str) -> bool:
    """Should a person see it? What has no level, such as a traceback, is judged by who says it."""
    quiet = _program(source) in _QUIET_SOURCES
    if level := _LEVEL.match(text):
        shown = level[1] in (_SHOWN - {"WARNING"} if quiet else _SHOWN)
        return shown and not _SAID_OTHERWISE.search(text)
    return not quiet or _TROUBLE.search(text) is not None


def _program(source: str) -> str:
    """`engine-cpu0` → `engine`."""
    return source.partition("-")[0]


def _source(name: str, text: str) -> tuple[str, str]:
    """`group-cpu0` with the line `gui  | text` → `gui-cpu0` and `text`."""
    if name.startswith("group-") and (found := _FROM_GROUP.match(text)):
        return f"{found[1]}-{name.removeprefix('group-')}", found[2]
    return name, text
