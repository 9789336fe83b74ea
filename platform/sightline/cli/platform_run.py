"""One run of the whole platform in the foreground: checks, preparation, programs, until it is told to stop.

Import it once Django is set up.
"""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import click
import httpx
from django.conf import settings
from django.core.checks import ERROR, run_checks
from django.db import connections

from sightline import installation
from sightline.cli.django_setup import database
from sightline.cli.ports import require_free
from sightline.cli.programs import Choices, programs
from sightline.cli.screen import Screen
from sightline.cli.stop_signals import stop_events
from sightline.processes.file_lock import Held, file_lock
from sightline.processes.orphans import end_orphans
from sightline.processes.parent import stop_with_make
from sightline.processes.supervisor import Supervisor

WEB_READY_S = 60.0
ENGINE_USUAL_S = 90.0
"""The small model takes half of it on two cores."""
_LOOK_S = 0.2


@dataclass(frozen=True, kw_only=True)
class Running:
    """A platform that is ready, for whoever wants to use it."""

    url: str
    key: str
    """An API key of this machine."""
    screen: Screen
    stop: threading.Event
    """Set: leave, the platform ends."""


def run(
    *,
    twin: bool,
    twin_options: Sequence[str],
    verbose: bool,
    then: Callable[[Running], int | None] | None = None,
) -> int:
    """Run until a signal; the exit code.

    `then` is called in a thread once an engine serves; a number that it returns ends the run with it.
    """
    stop, hurry = stop_events()
    stop_with_make(stop)
    with ExitStack() as stack:
        try:
            stack.enter_context(file_lock(settings.HOME / "up.lock", wait=False))
        except Held as held:
            raise click.ClickException(
                f"Sightline runs already with the data folder {settings.HOME} (process {held.pid})."
                " Stop it, or set SIGHTLINE_HOME and other ports for a second one."
            ) from held
        screen = Screen(settings.HOME / "log", verbose=verbose)
        stack.callback(screen.close)
        folder = settings.HOME / "run" / "platform"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in end_orphans(folder):
            screen.event(name, "was left behind by an earlier run, and ended")
        choices = Choices(
            port=require_free(settings.HOST, settings.PORT, variable="SIGHTLINE_PORT", purpose="the web"),
            flower_port=require_free(
                settings.HOST, settings.FLOWER_PORT, variable="SIGHTLINE_FLOWER_PORT", purpose="Flower"
            ),
            twin=twin,
            twin_options=twin_options,
        )
        key = _prepare(screen)
        engines = _Engines()
        supervisor = Supervisor(
            programs(choices),
            folder=folder,
            on_line=lambda name, line: engines.heed(name, line, screen),
            on_event=screen.event,
        )
        running = Running(
            url=f"http://{_shown(settings.HOST)}:{choices.port}", key=key, screen=screen, stop=stop
        )
        guide = _Guide(running, choices, engines, then)
        guide.start()
        threading.Thread(target=_say_stopping, args=[screen, stop], name="farewell", daemon=True).start()
        try:
            supervisor.run(stop, hurry)
        finally:
            stop.set()
            screen.progress("")
        screen.say("Stopped; no process is left.")
        guide.join(5.0)
        return guide.exit_code


def _prepare(screen: Screen) -> str:
    """Settings checked, tables and static files there; this machine's key."""
    bad = [message for message in run_checks() if message.level >= ERROR]
    if bad:
        lines = "\n".join(
            f"  {message.msg} ({message.id})\n    {message.hint or ''}".rstrip() for message in bad
        )
        raise click.ClickException(f"The settings cannot work:\n{lines}")
    with database():
        if applied := installation.migrate():
            screen.say(f"Prepared the database ({len(applied)} migrations).")
        installation.collect_static()
        installation.operator()
        key = installation.local_key()
    connections.close_all()
    return key


def _say_stopping(screen: Screen, stop: threading.Event) -> None:
    stop.wait()
    screen.stopping()
    screen.progress("")
    screen.say(
        "Stopping: running jobs may end first. Ctrl-C again kills them; they run again at the next start."
    )


def _shown(host: str) -> str:
    """An address that a browser on this machine can open."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


class _Engines:
    """What the groups say about their engines, each line `engine <state>: <why>`."""

    def __init__(self) -> None:
        self.live = threading.Event()
        self.failed = ""

    def heed(self, name: str, line: str, screen: Screen) -> None:
        if name.startswith("group-") and line.startswith("engine ") and "|" not in line:
            state = line.removeprefix("engine ").partition(":")[0].strip()
            if state == "live":
                self.live.set()
            if state == "failed":
                self.failed = line
            screen.event(name, line, style="green" if state == "live" else "yellow")
            return
        screen.line(name, line)


class _Guide(threading.Thread):
    """Tells people how far the start is, then where everything is, and runs what should follow."""

    def __init__(
        self,
        running: Running,
        choices: Choices,
        engines: _Engines,
        then: Callable[[Running], int | None] | None,
    ) -> None:
        super().__init__(name="guide", daemon=True)
        self.exit_code = 0
        self._running, self._choices, self._engines, self._then = running, choices, engines, then

    def run(self) -> None:
        running = self._running
        try:
            if self._wait_for_web() and self._wait_for_engine():
                code = self._then(running) if self._then is not None else None
                if code is not None:
                    self._end(code)
                elif not running.stop.is_set():
                    self._show_addresses()  # last, so that they stay on the screen
        except Exception:
            running.screen.console.print_exception()
            self._end(1)

    def _end(self, code: int) -> None:
        self.exit_code = code
        self._running.stop.set()

    def _wait_for_web(self) -> bool:
        running, until = self._running, time.monotonic() + WEB_READY_S
        while not running.stop.wait(_LOOK_S):
            running.screen.progress("Starting the web")
            try:
                if httpx.get(f"{running.url}/healthz", timeout=1.0).status_code == 200:
                    running.screen.progress("")
                    return True
            except httpx.TransportError as error:
                if time.monotonic() > until:
                    running.screen.event(
                        "web", f"does not answer after {WEB_READY_S:.0f} s: {error}", style="red"
                    )
                    until = float("inf")  # said once; it may still come
        return False

    def _wait_for_engine(self) -> bool:
        engines, running = self._engines, self._running
        name = "the simulated engine" if self._choices.twin else "vLLM and the model"
        logs, patient_until = running.screen.log_file("engine-*"), time.monotonic() + ENGINE_USUAL_S
        while not running.stop.is_set():
            if engines.live.wait(_LOOK_S):
                running.screen.progress("")
                return True
            if engines.failed:
                running.screen.progress("")
                running.screen.event("up", f"{engines.failed}. Its output is in {logs}.", style="red")
                if self._then is not None:
                    self._end(1)
                return False
            if time.monotonic() > patient_until:
                running.screen.event(
                    "up", f"loading {name} takes longer than usual; the output is in {logs}."
                )
                patient_until = float("inf")
            running.screen.progress(f"Loading {name}")
        return False

    def _show_addresses(self) -> None:
        operator = installation.operator()
        connections.close_all()
        url, flower = self._running.url, f"http://{_shown(settings.HOST)}:{self._choices.flower_port}"
        password = operator.password or "the password that you set"
        for line in (
            "",
            f"  API docs   {url}/api/v1/docs",
            f"  Admin      {url}/admin/   {operator.name} / {password}",
            f"  Flower     {url}/flower/   with the admin's sign-in",
            f"             {flower}/flower/   {settings.FLOWER_USER} / {installation.flower_password()}",
            f"  API key    {installation.key_file()}   (`sightline submit` uses it by itself)",
            f"  Logs       {settings.HOME / 'log'}",
            "  Ctrl-C stops everything.",
            "",
        ):
            self._running.screen.say(line)
