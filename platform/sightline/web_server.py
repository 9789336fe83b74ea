"""`sightline web`: uvicorn with the shell, on one port."""

import errno
import logging
import socket

import click
import uvicorn

from sightline.web.protocol import BoundedHead

log = logging.getLogger("sightline.web")

GRACE_S = 20
"""Seconds that requests in flight have after SIGTERM. Waiters are answered at once and need none of it."""


class CannotListen(click.ClickException):
    """The address cannot be served; the sentence says why and what to do."""


def serve(host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT. Port 0 takes a free one, which the log line names. Raises CannotListen."""
    listener = listen(host, port)
    # Sets Django up: after the port, so that a taken one is told at once.
    from sightline.asgi import application

    config = uvicorn.Config(
        application,
        loop="uvloop",
        http=BoundedHead,
        ws="none",
        lifespan="on",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=GRACE_S,
    )
    shown = f"[{host}]" if ":" in host else host
    log.info("event=web_started url=http://%s:%d", shown, listener.getsockname()[1])
    with listener:
        _Server(config, application.let_go).run(sockets=[listener])


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises CannotListen."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise CannotListen(
                f"Port {port} on {host} is taken by another process. Stop that one, or set SIGHTLINE_PORT."
            ) from error
        raise CannotListen(f"Cannot listen on {host}, port {port}: {error.strerror or error}.") from error
    return listener


class _Server(uvicorn.Server):
    """uvicorn, which tells the shell before it waits for open requests: a waiter would outlast its patience."""

    def __init__(self, config: uvicorn.Config, let_go) -> None:  # type: ignore[no-untyped-def]
        super().__init__(config)
        self._let_go = let_go

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._let_go()
        await super().shutdown(sockets)
