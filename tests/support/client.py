"""A tenant's HTTP client that writes down what it does and sees."""

import hashlib
import json
import random
import threading
import time
import uuid
from typing import Any

import httpx
from support.history import History

TERMINAL = frozenset({"succeeded", "incomplete", "failed", "cancelled", "expired", "quarantined"})
_AGAIN_S = 0.2


class Client:
    """One tenant's client; may be used by several threads."""

    def __init__(self, *, base_url: str, tenant: str, key: str, history: History) -> None:
        self.tenant = tenant
        self.history = history
        self.headers = {"Authorization": f"Bearer {key}"}
        self.http = httpx.Client(
            base_url=base_url,
            headers=self.headers,
            timeout=60.0,
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=16),
        )

    def close(self) -> None:
        self.http.close()

    def post(self, body: dict[str, Any], ref: str) -> httpx.Response | None:
        """One request for a job, written down; None when no answer came."""
        self.history.add("submit", tenant=self.tenant, ref=ref, kind=body["kind"])
        try:
            answer = self.http.post("/api/v1/jobs", json=body, headers={"Idempotency-Key": ref})
        except httpx.HTTPError as error:
            self.history.add("unanswered", tenant=self.tenant, ref=ref, error=type(error).__name__)
            return None
        document = _json(answer)
        if answer.status_code in (200, 202):
            self.history.add("accepted", tenant=self.tenant, ref=ref, job=document["id"])
        else:
            self.history.add(
                "refused",
                tenant=self.tenant,
                ref=ref,
                status=answer.status_code,
                code=document.get("code"),
            )
        return answer

    def submit(self, body: dict[str, Any], *, within_s: float = 120.0) -> str:
        """The id of the accepted job. Asks again under the same key until it is answered, as clients should."""
        ref, until = str(uuid.uuid4()), time.monotonic() + within_s
        while True:
            answer = self.post(body, ref)
            if answer is not None and answer.status_code in (200, 202):
                return str(answer.json()["id"])
            if answer is not None and answer.status_code not in (409, 429, 503):
                raise AssertionError(f"refused: {answer.status_code} {answer.text}")
            if time.monotonic() > until:
                raise AssertionError(f"not accepted within {within_s:g} s: {answer and answer.text}")
            time.sleep(_AGAIN_S)

    def read(self, job: str, *, wait_s: float = 0.0) -> dict[str, Any] | None:
        """The job as it is, after `wait_s` seconds at most if it has not ended; None when no answer came."""
        try:
            answer = self.http.get(f"/api/v1/jobs/{job}", params={"wait": wait_s} if wait_s else None)
        except httpx.HTTPError:
            return None
        if answer.status_code != 200:
            return None
        found: dict[str, Any] = answer.json()
        digest = None
        if found.get("output") is not None:
            digest = hashlib.sha256(json.dumps(found["output"], sort_keys=True).encode()).hexdigest()[:16]
        self.history.add("read", tenant=self.tenant, job=job, status=found["status"], output=digest)
        return found

    def wait(self, job: str, *, within_s: float = 90.0) -> dict[str, Any]:
        """The ended job; patient with a platform that is away meanwhile."""
        until = time.monotonic() + within_s
        while True:
            found = self.read(job, wait_s=5)
            if found is not None and found["status"] in TERMINAL:
                return found
            if time.monotonic() > until:
                raise AssertionError(f"{job} has not ended within {within_s:g} s: {found}")
            if found is None:
                time.sleep(_AGAIN_S)

    def cancel(self, job: str) -> int | None:
        try:
            answer = self.http.post(f"/api/v1/jobs/{job}/cancel")
        except httpx.HTTPError:
            return None
        self.history.add("cancel", tenant=self.tenant, job=job, status=answer.status_code)
        return answer.status_code

    def trespass(self, job: str) -> None:
        """Look at a job of somebody else."""
        try:
            answer = self.http.get(f"/api/v1/jobs/{job}")
        except httpx.HTTPError:
            return
        self.history.add("trespass", tenant=self.tenant, job=job, status=answer.status_code)


class Crowd:
    """Threads that submit, read, cancel and trespass until they are told to stop."""

    def __init__(
        self, clients: list[Client], *, make: Any, seed: int, pause_s: float, cancels: float
    ) -> None:
        self.jobs: dict[str, Client] = {}
        self._clients = clients
        self._make = make
        self._pause_s = pause_s
        self._cancels = cancels
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=[client, random.Random(f"{seed}-{index}"), index])
            for index, client in enumerate(clients)
        ]
        self.errors: list[BaseException] = []

    def __enter__(self) -> "Crowd":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def _run(self, client: Client, chance: random.Random, index: int) -> None:
        number = 0
        try:
            while not self._stop.wait(self._pause_s * chance.uniform(0.5, 1.5)):
                number += 1
                job = client.submit(self._make(chance, index * 100_000 + number))
                self.jobs[job] = client
                if chance.random() < self._cancels:
                    client.cancel(job)
                mine = [known for known, owner in list(self.jobs.items()) if owner is client]
                client.read(chance.choice(mine))
                others = [known for known, owner in list(self.jobs.items()) if owner.tenant != client.tenant]
                if others and chance.random() < 0.2:
                    client.trespass(chance.choice(others))
        except BaseException as error:
            self.errors.append(error)


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        document = answer.json()
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
