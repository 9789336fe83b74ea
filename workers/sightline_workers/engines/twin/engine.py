"""The parts of one simulated engine, together."""

import asyncio
import os

from .faults import ALWAYS, Faults
from .images import KnownImages
from .options import TwinOptions
from .prefixes import PrefixCache
from .record import Record
from .scheduler import Scheduler

# What a shell reports of a process that SIGKILL ended.
KILLED_STATUS = 137


class TwinEngine:
    """Lives on one event loop; must be made while it runs."""

    def __init__(self, options: TwinOptions) -> None:
        self.options = options
        self.loop = asyncio.get_running_loop()
        self.faults = self.initial_faults()
        self.record = Record()
        self.known_images = KnownImages()
        self.prefixes = PrefixCache()
        self.scheduler = Scheduler(options, self.faults, self.record)

    def initial_faults(self) -> Faults:
        """The switches at the start: all off, but for what the options say."""
        return Faults(poison=[self.options.poison] if self.options.poison else [])

    def count_towards_crash(self) -> None:
        """A request was scheduled: the one that `crash_after` waits for ends the process."""
        remaining = self.faults.crash_after
        if remaining is None or remaining == ALWAYS:
            return
        if remaining <= 0:
            self.die()
        self.faults.crash_after = remaining - 1

    def die(self) -> None:
        """End the process without cleaning up anything; its connections break."""
        os._exit(KILLED_STATUS)
