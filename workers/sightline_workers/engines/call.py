"""One HTTP request on one connection, under one deadline, interruptible from another thread."""

import http.client
import time
from functools import partial

from . import classify
from .connections import Connections, interrupt
from .contract import Abort, Aborted, EngineError

_READ_BYTES = 65536
# Seconds that the end of a body may take after the answer in it was whole.
_END_S = 0.5


class Call:
    """A context manager around one request: `send`, then `read` until empty, then `finish`.

    The connection goes back to the pool only when its answer was read to the end. In every other case it
    is closed: that makes the engine drop the request, and vLLM resets the next call on a connection that
    carried a 5xx. Raises `EngineError`, or `Aborted` when `abort` was set meanwhile.
    """

    def __init__(self, connections: Connections, timeout_s: float, abort: Abort) -> None:
        self._connections = connections
        self._timeout_s = timeout_s
        self._deadline = time.monotonic() + timeout_s
        self._abort = abort
        self._answered = False
        self._reusable = False

    def __enter__(self) -> "Call":
        try:
            self._connection = self._connections.take(self._timeout_s)
        except OSError as error:
            raise classify.unreachable(error) from error
        self._sock = self._connection.sock
        self._interrupt = partial(interrupt, self._sock)
        self._abort.attach(self._interrupt)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        # After this no `Abort` can touch the socket any more, so that it may serve another call.
        self._abort.detach(self._interrupt)
        aborted = self._abort.reason
        if self._reusable and error is None and aborted is None:
            self._connections.give_back(self._connection)
        else:
            self._connection.close()
        if aborted is not None and (error is None or isinstance(error, EngineError)):
            # The socket was shut under the call; what it saw then is our doing, not the engine's.
            raise Aborted(aborted) from None

    def send(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> http.client.HTTPResponse:
        """Send the request and wait for a 200's header. Any other status raises its `EngineError`."""
        try:
            self._arm()
            self._connection.request(method, self._connections.prefix + path, body, headers)
            self._arm()
            response = self._connection.getresponse()
            self._answered = True
            if response.status == 200:
                return response
            self._arm()
            with response:
                error_body = response.read(_READ_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise self._named(error) from error
        raise classify.from_response(response.status, error_body, response.getheader("Retry-After"))

    def read(self, response: http.client.HTTPResponse) -> bytes:
        """What has come of the body, waiting for at least a byte; empty at its end."""
        try:
            self._arm()
            return response.read1(_READ_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise self._named(error) from error

    def finish(self, response: http.client.HTTPResponse) -> None:
        """The answer is whole: read to the body's end, so that the connection can be used again.

        Not being able to costs the connection, not the answer.
        """
        self._deadline = min(self._deadline, time.monotonic() + _END_S)
        try:
            while self.read(response):
                pass
        except EngineError:
            return
        response.close()
        self._reusable = not response.will_close

    def _arm(self) -> None:
        """Let the next network operation wait no longer than the deadline."""
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError
        self._sock.settimeout(remaining)

    def _named(self, error: OSError | http.client.HTTPException) -> EngineError:
        if isinstance(error, TimeoutError):
            return classify.timed_out(self._timeout_s)
        return classify.broken_off(error, answered=self._answered)
