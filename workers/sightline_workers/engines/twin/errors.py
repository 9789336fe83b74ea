"""Refusals in vLLM's shape: `{"error": {"message", "type", "param", "code"}}`."""

import json
from http import HTTPStatus

_TYPES = {
    400: "BadRequestError",
    404: "NotFoundError",
    500: "InternalServerError",
    # For a refused admission vLLM uses the status's phrase.
    503: HTTPStatus.SERVICE_UNAVAILABLE.phrase,
}


class Refusal(Exception):
    """A request that gets an error instead of an answer."""

    def __init__(self, status: int, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param

    def body(self) -> bytes:
        """The JSON document."""
        kind = _TYPES.get(self.status, HTTPStatus(self.status).phrase)
        error = {"message": self.message, "type": kind, "param": self.param, "code": self.status}
        return json.dumps({"error": error}).encode()


def engine_dead() -> Refusal:
    """What vLLM says once its EngineCore process is gone."""
    return Refusal(500, "EngineCore encountered an issue. See stack trace (above) for the root cause.")


def overloaded() -> Refusal:
    """What vLLM says beyond --max-num-queued-reqs."""
    return Refusal(
        503,
        "The engine is currently busy and cannot accept new requests. "
        "Please try again later or on a different instance.",
    )
