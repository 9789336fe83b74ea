"""What a group's supervisor tells the workers that it starts, through one environment variable."""

import json
import os
from dataclasses import asdict, dataclass
from functools import cache

from sightline import env

VARIABLE = "SIGHTLINE_MEMBERSHIP"
env.known.add(VARIABLE)


@dataclass(frozen=True, kw_only=True)
class Membership:
    """The place of one Celery process in its group."""

    group: str
    """The group's id, `gpu0@host`."""
    kind: str
    """The kind whose queue the process serves."""
    tag: str
    """The model tag that the group serves."""
    seats: int
    """Requests that the process may have aboard the engine when it starts; later its group's row says how many."""
    most_seats: int
    """As many as it may ever be given: those of all kinds together, and its threads."""
    engine_url: str
    """The engine's base URL without `/v1`."""
    served_model: str
    """The name under which the engine serves the model."""
    max_concurrency: int
    """Requests that the whole engine runs at once."""
    tests_suspects: bool
    """Whether this process of the group is the one that runs suspects during probation."""
    budget_socket: str = ""
    """The unix socket where tokens in flight are granted; empty when the engine's capacity is unknown."""

    def environment(self) -> dict[str, str]:
        return {VARIABLE: json.dumps(asdict(self))}


@cache
def membership() -> Membership | None:
    """This process's place; None outside a group (the cpu worker, a shell)."""
    text = os.environ.get(VARIABLE)
    return Membership(**json.loads(text)) if text else None
