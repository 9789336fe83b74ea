"""Many clients that do everything at once, while Redis goes away and readers hang up: nobody ever sees a 500."""

import contextlib
import json
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from support.bodies import data_uri, picture
from support.platform import TENANTS, Platform

CLIENTS = 12
ROUNDS = 15
PICTURES = [picture(number) for number in range(3)]


@pytest.fixture(scope="module")
def platform(request: pytest.FixtureRequest, database_kind: str) -> Iterator[Platform]:
    postgres = request.getfixturevalue("postgres_server") if database_kind == "postgres" else None
    with Platform(groups=1, postgres=postgres, env={"SIGHTLINE_CACHE": "true"}) as running:
        running._start("cpu", "cpu")
        yield running


class Crowd:
    """Clients of one tenant that share what they make, so that they meet on the same rows."""

    def __init__(self, url: str, key: str) -> None:
        self.url, self.headers = url, {"Authorization": f"Bearer {key}"}
        self.jobs: list[str] = []
        self.sessions: list[str] = []
        self.statuses: Counter[int] = Counter()
        self.wrong: list[str] = []
        self._lock = threading.Lock()

    def run(self, seed: int) -> None:
        """One client's life; the seed makes it the same in every run."""
        chance = random.Random(seed)
        with httpx.Client(base_url=self.url, headers=self.headers, timeout=20) as http:
            for _ in range(ROUNDS):
                deed = chance.choice(DEEDS)
                try:
                    deed(self, http, chance)
                except httpx.ReadTimeout:
                    pass  # an answer that waits for a busy engine: this client has lost patience, as clients do
                except httpx.TransportError as error:
                    with self._lock:
                        self.wrong.append(f"{deed.__name__}: {error!r}")

    def ask(self, http: httpx.Client, method: str, path: str, **more: Any) -> Any:
        """The answer, if it is a good one; what no server may say is kept."""
        answer = http.request(method, path, **more)
        with self._lock:
            self.statuses[answer.status_code] += 1
            if answer.status_code >= 500 and not (
                answer.status_code == 503 and "Retry-After" in answer.headers
            ):
                self.wrong.append(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        return (
            answer.json()
            if answer.is_success and answer.content and "json" in answer.headers["content-type"]
            else None
        )

    def keep(self, where: list[str], found: Any) -> None:
        if found:
            where.append(found["id"])

    def some(self, where: list[str], chance: random.Random) -> str:
        with self._lock:
            return chance.choice(where) if where else "job_00000000000000000000000000"


def submit(crowd: Crowd, http: httpx.Client, chance: random.Random) -> None:
    body = {
        "kind": "ocr",
        "input": {"images": [{"data": data_uri(chance.choice(PICTURES))}]},
        "retention_s": 60,
    }
    crowd.keep(crowd.jobs, crowd.ask(http, "POST", "/api/v1/jobs", json=body))


def submit_same(crowd: Crowd, http: httpx.Client, chance: random.Random) -> None:
    body = {"kind": "chat", "input": {"prompt": "the same"}, "params": {"temperature": 0}}
    headers = {"Prefer": "wait=2", "Idempotency-Key": f"k{chance.randrange(8)}"}
    crowd.keep(crowd.jobs, crowd.ask(http, "POST", "/api/v1/jobs", json=body, headers=headers))


def upload(crowd: Crowd, http: httpx.Client, chance: random.Random) -> None:
    image = chance.choice(PICTURES)
    crowd.ask(http, "POST", "/api/v1/uploads", content=image, headers={"Content-Type": "image/png"})


def act(crowd: Crowd, http: httpx.Client, chance: random.Random) -> None:
    verb = chance.choice(["cancel", "retry", "expire", "replay"])
    crowd.ask(http, "POST", f"/api/v1/jobs/{crowd.some(crowd.jobs, chance)}/{verb}")


def erase(crowd: Crowd, http: httpx.Client, chance: random.Random) -> None:
    crowd.ask(http, "DELETE", f"/api/v1/jobs/{crowd.some(crowd.jobs, chance)}")


def look(crowd: Crowd, http: httpx.Client, chance: random.Random) -> None:
    job = crowd.some(crowd.jobs, chance)
    where = chance.choice(["", "/explain", "/media/0", "?wait=1"])
    crowd.ask(http, "GET", f"/api/v1/jobs/{job}{where}")


def browse(crowd: Crowd, http: httpx.Client, chance: random.Random) -> None:
    crowd.ask(http, "GET", "/api/v1/jobs?limit=20")
    crowd.ask(http, "GET", "/api/v1/sessions")


def talk(crowd: Crowd, http: httpx.Client, chance: random.Random) -> None:
    if len(crowd.sessions) < 4:
        crowd.keep(crowd.sessions, crowd.ask(http, "POST", "/api/v1/sessions", json={"kind": "chat"}))
    session = crowd.some(crowd.sessions, chance)
    body = {"kind": "chat", "input": {"prompt": "go on"}, "session": {"id": session}}
    crowd.keep(crowd.jobs, crowd.ask(http, "POST", "/api/v1/jobs", json=body))


def forget(crowd: Crowd, http: httpx.Client, chance: random.Random) -> None:
    if len(crowd.sessions) >= 4:
        crowd.ask(http, "DELETE", f"/api/v1/sessions/{crowd.sessions.pop()}")


def respond(crowd: Crowd, http: httpx.Client, chance: random.Random) -> None:
    found = crowd.ask(
        http, "POST", "/v1/responses", json={"model": "default", "input": "hello", "store": True}
    )
    if found:
        crowd.ask(http, "DELETE", f"/v1/responses/{found['id']}")


def hang_up(crowd: Crowd, http: httpx.Client, chance: random.Random) -> None:
    """A reader that goes after the first bytes."""
    body = {"model": "default", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    with (
        contextlib.suppress(httpx.ReadTimeout),
        http.stream("POST", "/v1/chat/completions", json=body) as answer,
    ):
        with crowd._lock:
            crowd.statuses[answer.status_code] += 1
            if answer.status_code >= 500 and "Retry-After" not in answer.headers:
                crowd.wrong.append(f"stream: {answer.status_code}")
        next(answer.iter_bytes(), b"")


Deed = Callable[[Crowd, httpx.Client, random.Random], None]
DEEDS: list[Deed] = [
    submit,
    submit_same,
    upload,
    act,
    act,
    erase,
    look,
    look,
    browse,
    talk,
    forget,
    respond,
    hang_up,
]


def test_nobody_sees_a_500_whatever_everybody_does(platform: Platform) -> None:
    crowd = Crowd(platform.url, platform.keys[TENANTS[0]])
    calm = threading.Event()

    def trouble() -> None:
        """Redis is emptied, frozen and killed, over and over, until everybody is done."""
        while not calm.wait(3.0):
            platform.redis.flush()
            platform.redis.kill()
            platform.redis.start()

    disturber = threading.Thread(target=trouble)
    disturber.start()
    try:
        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(crowd.run, range(CLIENTS)))
    finally:
        calm.set()
        disturber.join()
    assert not crowd.wrong, json.dumps(crowd.wrong[:10], indent=1) + platform.log("web")[-6000:]
    assert crowd.statuses[200] + crowd.statuses[202] > CLIENTS * ROUNDS / 4, crowd.statuses
