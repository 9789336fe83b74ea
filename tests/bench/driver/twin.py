"""A simulated engine of the benchmarks' own, and a look into it."""

import asyncio
import json
import os
import urllib.request
from pathlib import Path
from typing import Any

from .background import Background, python


class Twin:
    """One twin process. `options` as `sightline twin` takes them, with underscores."""

    def __init__(self, folder: Path, *, name: str = "twin", **options: object) -> None:
        arguments = [
            part for key, value in options.items() for part in (f"--{key.replace('_', '-')}", str(value))
        ]
        env = {key: value for key, value in os.environ.items() if not key.startswith("SIGHTLINE_")}
        argv = python("-m", "sightline_workers.engines.twin", *arguments)
        self.process = Background(name=name, argv=argv, folder=folder, env=env)
        self.url = ""

    def __enter__(self) -> "Twin":
        self.process.start()
        self.url = self.process.told(r"listening on (http://\S+)")
        return self

    def __exit__(self, *_: object) -> None:
        self.process.child.kill()

    async def quiet(self) -> None:
        """Wait until nothing arrives or runs any more: what one window left in queues must not count in the next."""
        last = -1
        loop = asyncio.get_running_loop()
        began = since = loop.time()
        while loop.time() - began < 60 and loop.time() - since < 0.7:
            log = self.requests(max(0, last - 200))
            number = log[-1]["number"] if log else 0
            if number != last or any(entry["finished"] is None for entry in log):
                last, since = number, loop.time()
            await asyncio.sleep(0.1)

    def requests(self, since: int = 0) -> list[dict[str, Any]]:
        return requests(self.url, since)

    def last_number(self) -> int:
        """The number of its latest request."""
        found = self.requests()
        return int(found[-1]["number"]) if found else 0

    def faults(self, **switches: object) -> None:
        """Set its fault switches."""
        set_faults(self.url, **switches)


def requests(url: str, since: int = 0) -> list[dict[str, Any]]:
    """The log of a twin: requests with a greater number, oldest first."""
    with urllib.request.urlopen(f"{url}/twin/requests?since={since}", timeout=30) as response:
        found: list[dict[str, Any]] = json.load(response)
    return found


def set_faults(url: str, **switches: object) -> None:
    body = json.dumps(switches).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{url}/twin/faults", data=body), timeout=10):
        return
