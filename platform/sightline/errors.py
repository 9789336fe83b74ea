"""The one exception that a client may see. Each surface renders it in its own form."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class FieldError:
    """One field of a request and what is wrong with it."""

    pointer: str
    """RFC 6901 JSON pointer into the request body, `/input/images/0`; empty for the whole body."""
    detail: str
    """A sentence that says what to change."""


class Problem(Exception):
    """A refusal: a machine-readable code, an HTTP status and a sentence that a user can act on."""

    code = "unavailable"
    status = 500

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        status: int | None = None,
        retryable: bool = False,
        errors: Sequence[FieldError] = (),
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.code
        self.status = status or self.status
        self.retryable = retryable
        self.errors = tuple(errors)
        self.retry_after_s = retry_after_s


class NotFound(Problem):
    code, status = "not_found", 404


class Conflict(Problem):
    code, status = "conflict", 409


class InvalidInput(Problem):
    code, status = "invalid_input", 422


class Unavailable(Problem):
    code, status = "unavailable", 503

    def __init__(self, detail: str, *, retry_after_s: float = 1.0) -> None:
        super().__init__(detail, retryable=True, retry_after_s=retry_after_s)
