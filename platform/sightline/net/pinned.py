"""TCP connections to checked addresses only, under one deadline: httpcore's network, replaced."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterable
from typing import Any

import httpcore

from sightline.net import tls
from sightline.net.addresses import AddressPolicy


class Deadline:
    """A point in time that every step of an exchange counts towards; `interrupt` makes it now."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._streams: list[httpcore.NetworkStream] = []

    def interrupt(self) -> None:
        """End the exchange from another thread, even while it waits for the other side. Never raises."""
        with self._lock:
            self._end = float("-inf")
            streams, self._streams = self._streams, []
        for stream in streams:
            self._shut(stream)

    def watch(self, stream: httpcore.NetworkStream) -> None:
        """A connection that `interrupt` cuts."""
        with self._lock:
            self._streams.append(stream)
            late = self._end == float("-inf")
        if late:
            self._shut(stream)

    @staticmethod
    def _shut(stream: httpcore.NetworkStream) -> None:
        # The socket's own method, not that of a TLS socket: that one takes the TLS state from under a reader's feet.
        with contextlib.suppress(OSError):
            socket.socket.shutdown(stream.get_extra_info("socket"), socket.SHUT_RDWR)

    def left(self, at_most: float | None, timeout: type[httpcore.TimeoutException]) -> float:
        """Seconds that a step may take. Raises `timeout` when none are left."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise timeout("the time for the whole exchange is over")
        return left if at_most is None else min(left, at_most)


class PinnedBackend(httpcore.NetworkBackend):
    """Resolves once, checks every address, and connects to what it checked.

    httpcore passes the URL's own host and keeps it for the Host header, SNI and the certificate: pinning
    changes none of them.
    """

    def __init__(self, policy: AddressPolicy, deadline: Deadline) -> None:
        self._policy = policy
        self._deadline = deadline
        self._network = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = self._policy.addresses(host, port, self._deadline.left(timeout, httpcore.ConnectTimeout))
        for last, address in ((address is addresses[-1], address) for address in addresses):
            left = self._deadline.left(timeout, httpcore.ConnectTimeout)
            try:
                stream = self._network.connect_tcp(address, port, left, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if last:
                    raise
            else:
                self._deadline.watch(stream)
                return _TimedStream(stream, self._deadline)
        raise httpcore.ConnectError("the host has no address")

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.NetworkStream:
        raise httpcore.ConnectError("unix sockets are not connected to")

    def sleep(self, seconds: float) -> None:
        self._network.sleep(seconds)


def connections(*, policy: AddressPolicy, deadline: Deadline) -> httpcore.ConnectionPool:
    """A pool for one exchange with an address that somebody else named."""
    return httpcore.ConnectionPool(
        ssl_context=tls.client_context(), network_backend=PinnedBackend(policy, deadline), max_connections=1
    )


class _TimedStream(httpcore.NetworkStream):
    """A stream each step of which ends by the deadline: a server that sends a byte a second gains nothing."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = self._deadline.left(timeout, httpcore.ConnectTimeout)
        stream = self._stream.start_tls(ssl_context, server_hostname, left)
        self._deadline.watch(stream)  # TLS has taken the socket over into an object of its own
        return _TimedStream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
