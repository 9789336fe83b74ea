"""A client of the native API: synchronous, typed, with the retries that idempotency keys make safe."""

import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

ENDED = frozenset({"succeeded", "incomplete", "failed", "cancelled", "expired", "quarantined"})
LONGEST_WAIT_S = 30.0
"""What one request asks the server to hold; longer waits are several requests."""
_MARGIN_S = 15.0
_RETRIED = frozenset({429, 502, 503, 504})
_LONGEST_PAUSE_S = 10.0


class ClientError(Exception):
    """Something that a user can act on; `str()` is the sentence."""


class Unreachable(ClientError):
    """Nobody answers at the address."""


class Refused(ClientError):
    """The server answered with a problem document (RFC 9457)."""

    def __init__(
        self, *, status: int, code: str, detail: str, errors: Sequence[Mapping[str, str]] = ()
    ) -> None:
        self.status, self.code, self.detail, self.errors = status, code, detail, tuple(errors)
        fields = "".join(f"\n  {error.get('pointer', '')}: {error.get('detail', '')}" for error in errors)
        super().__init__(f"{detail} ({code}, HTTP {status}){fields}")


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job as the server last showed it."""

    id: str
    kind: str
    status: str
    output: dict[str, Any] | None
    """The typed result; None until the job ended, and when it failed."""
    error: dict[str, Any] | None
    document: dict[str, Any]
    """All of the answer."""

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    @classmethod
    def read(cls, document: dict[str, Any]) -> Self:
        return cls(
            id=document["id"],
            kind=document["kind"],
            status=document["status"],
            output=document.get("output"),
            error=document.get("error"),
            document=document,
        )


class Client:
    """Speaks to one server with one key. `patience_s`: how long a busy or starting server is asked again."""

    def __init__(self, *, url: str, key: str, timeout_s: float = 10.0, patience_s: float = 30.0) -> None:
        self.url = url.rstrip("/")
        self.patience_s = patience_s
        self._http = httpx.Client(
            base_url=f"{self.url}/api/v1",
            headers={"Authorization": f"Bearer {key}", "User-Agent": "sightline-client"},
            timeout=httpx.Timeout(timeout_s, write=60.0),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def upload(self, image: Path | bytes) -> str:
        """Send an image; the `upload_id` that stands for it in an input."""
        name, data = ("image", image) if isinstance(image, bytes) else (image.name, image.read_bytes())
        return str(self._send("POST", "/uploads", files={"image": (name, data)})["id"])

    def submit(
        self,
        kind: str,
        input: Mapping[str, Any],
        *,
        params: Mapping[str, Any] | None = None,
        wait_s: float = 0.0,
        idempotency_key: str | None = None,
        **envelope: Any,
    ) -> Job:
        """Create a job; `envelope`: model, tags, metadata, deadline_ms, max_attempts, retention_s.

        With `wait_s` the answer is the ended job where it ends within that time. One idempotency key holds for
        all tries of this call, so a lost answer makes no second job.
        """
        body = {"kind": kind, "input": input, **envelope}
        if params:
            body["params"] = params
        headers = {"Idempotency-Key": idempotency_key or str(uuid.uuid4())}
        if wait_s > 0:
            headers["Prefer"] = f"wait={max(1, round(min(wait_s, LONGEST_WAIT_S)))}"
        return Job.read(self._send("POST", "/jobs", json=body, headers=headers, hold_s=wait_s))

    def job(self, job_id: str, *, wait_s: float = 0.0) -> Job:
        """The job now, or once it ended within `wait_s` seconds."""
        query = {"wait": f"{round(min(wait_s, LONGEST_WAIT_S))}"} if wait_s >= 1 else {}
        return Job.read(self._send("GET", f"/jobs/{job_id}", params=query, hold_s=wait_s))

    def wait(self, job_id: str, *, timeout_s: float | None = None) -> Job:
        """The job once it ended, or as it is after `timeout_s` seconds (None: for ever)."""
        until = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            left = LONGEST_WAIT_S if until is None else until - time.monotonic()
            job = self.job(job_id, wait_s=max(0.0, min(left, LONGEST_WAIT_S)))
            if job.ended or left <= 0:
                return job

    def cancel(self, job_id: str) -> Job:
        return Job.read(self._send("POST", f"/jobs/{job_id}/cancel"))

    def retry(self, job_id: str) -> Job:
        return Job.read(self._send("POST", f"/jobs/{job_id}/retry"))

    def jobs(self, *, limit: int | None = None, **filters: str) -> Iterator[Job]:
        """Jobs, newest first, page by page; `filters` as the API names them (kind, status, tag, …)."""
        query = {name: value for name, value in filters.items() if value}
        left = limit
        while left is None or left > 0:
            page = self._send("GET", "/jobs", params={**query, "limit": str(min(left or 100, 100))})
            for document in page["data"]:
                yield Job.read(document)
            left = None if left is None else left - len(page["data"])
            if not page["has_more"]:
                return
            query["cursor"] = page["next_cursor"]

    def _send(self, method: str, path: str, *, hold_s: float = 0.0, **request: Any) -> dict[str, Any]:
        """One request, again while the server is busy. All requests here may be repeated without harm."""
        timeout = httpx.Timeout(self._http.timeout.connect, write=60.0, read=_MARGIN_S + hold_s)
        until = time.monotonic() + self.patience_s
        while True:
            try:
                response = self._http.request(method, path, timeout=timeout, **request)
            except httpx.ConnectError as error:
                raise Unreachable(
                    f"Nobody answers at {self.url}. Is the platform running (`make up`)?"
                ) from error
            except httpx.TransportError as error:
                if time.monotonic() > until:
                    raise Unreachable(f"{self.url} broke off: {error or type(error).__name__}") from error
                time.sleep(1.0)
                continue
            pause = _pause(response)
            if pause is None or time.monotonic() + pause > until:
                return _document(response)
            time.sleep(pause)


def _pause(response: httpx.Response) -> float | None:
    """Seconds until it is worth asking again; None when the answer stands."""
    if response.status_code not in _RETRIED:
        return None
    try:
        return min(max(float(response.headers.get("Retry-After", "1")), 0.1), _LONGEST_PAUSE_S)
    except ValueError:
        return 1.0


def _document(response: httpx.Response) -> dict[str, Any]:
    try:
        document = response.json()
    except ValueError:
        document = None
    if response.is_success and isinstance(document, dict):
        return document
    if isinstance(document, dict) and "code" in document:
        raise Refused(
            status=response.status_code,
            code=str(document["code"]),
            detail=str(document.get("detail") or document.get("title") or "The request was refused."),
            errors=document.get("errors") or (),
        )
    raise ClientError(
        f"{response.request.url} answered {response.status_code} {response.reason_phrase}, which is not Sightline's"
        " API. Check SIGHTLINE_URL."
    )
