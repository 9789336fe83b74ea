"""A small web site on loopback: pages that give images, and receivers that take webhooks."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Page = Callable[[BaseHTTPRequestHandler], None]


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One request that arrived."""

    path: str
    headers: dict[str, str]
    """By lower-case name."""
    body: bytes


class Site:
    """Pages are functions of the request handler, by path; what arrived is kept."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.host = host
        self.pages: dict[str, Page] = {}
        self.seen: list[Seen] = []
        self.arrived = threading.Condition()
        self.released = threading.Event()
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.close_connection = True
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(int(headers.get("content-length", 0)))
                with site.arrived:
                    site.seen.append(Seen(path=self.path, headers=headers, body=body))
                    site.arrived.notify_all()
                site.pages[self.path](self)

            do_POST = do_GET

            def log_message(self, *args: object) -> None:
                """Silent."""

        self.server = ThreadingHTTPServer((host, port), Handler)
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients hang up on purpose
        self.port = self.server.server_address[1]

    def url(self, path: str, host: str = "") -> str:
        return f"http://{host or self.host}:{self.port}{path}"

    def wait_for(self, count: int, *, within_s: float = 60.0) -> None:
        """Until so many requests arrived."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.seen) >= count, within_s), self.seen


def answer(body: bytes = b"", status: int = 200, **headers: str) -> Page:
    """A page with this answer."""

    def page(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in ({"Content_Length": str(len(body))} | headers).items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return page


@contextmanager
def serving(host: str = "127.0.0.1", port: int = 0) -> Iterator[Site]:
    """A site that serves inside the block; port 0: any free one."""
    site = Site(host, port)
    thread = threading.Thread(target=site.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield site
    finally:
        site.released.set()
        site.server.shutdown()
        site.server.server_close()
        thread.join()
