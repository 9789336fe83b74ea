"""Fetching by URL against a real HTTP server on loopback, which the tests' policy allows by name."""

import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpcore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sightline.errors import Problem
from sightline.media.fetch import FetchFailed, fetch
from sightline.media.refusal import MediaTooLarge
from sightline.net import tls
from sightline.net.addresses import AddressPolicy, AddressRefused
from sightline.net.pinned import Deadline

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)
BODY = b"\x89PNG\r\n\x1a\n" + bytes(1000)


class Site:
    """A small web site whose pages are functions of the request handler."""

    def __init__(self) -> None:
        self.pages: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {}
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.released = threading.Event()
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                site.seen.append((self.path, dict(self.headers)))
                self.close_connection = True
                site.pages[self.path](self)

            def log_message(self, *args: object) -> None:
                """Silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def policy(self, **answers: list[str]) -> AddressPolicy:
        """Allows this site only, and resolves names from `answers` (`_` stands for a dot)."""
        table = {name.replace("_", "."): found for name, found in answers.items()}
        return AddressPolicy(
            ports=frozenset({self.port}),
            allowed=LOOPBACK,
            resolver=lambda host, port, timeout_s: table.get(host, [host]),
        )


def answer(body: bytes = BODY, status: int = 200, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def page(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in ({"Content_Length": str(len(body))} | headers).items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return page


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    thread = threading.Thread(target=site.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield site
    site.released.set()
    site.server.shutdown()
    site.server.server_close()
    thread.join()


def test_an_image_is_fetched_and_the_host_header_is_the_urls(site: Site) -> None:
    site.pages["/a.png?size=1"] = answer()
    found = fetch(
        site.url("/a.png?size=1#part", "images.example"),
        max_bytes=5000,
        policy=site.policy(images_example=["127.0.0.1"]),
    )
    assert found == BODY
    headers = site.seen[0][1]
    assert headers["Host"] == f"images.example:{site.port}"
    assert headers["Accept-Encoding"] == "identity"
    assert not {"Authorization", "Cookie"} & set(headers)


def test_loopback_is_refused_without_the_allowance_and_never_connected_to(site: Site) -> None:
    for host in ("127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "127。0。0。1"):
        with pytest.raises(Problem) as refusal:
            fetch(site.url("/", host), max_bytes=5000, policy=AddressPolicy(ports=frozenset({site.port})))
        assert refusal.value.status == 422
    assert site.seen == []


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://example.com/a.png",
        "gopher://127.0.0.1:6379/_FLUSHALL",
        "data:image/png;base64,AAAA",
        "http://",
        "http:///a.png",
        "//example.com/a.png",
        "http://user:secret@example.com/a.png",
        "http://example.com:99999/a.png",
        "http://exa mple.com\r\nX: y/",
        "http://[::1",
        "",
        "http://①②⑦.⓪.⓪.①/",
        "http://127。0。0。1/",
        "http://127.0.0.1./",
        "http://１２７.0.0.1/",
        "http://LOCALHOST/",
        "http://ⓛocalhost/",
        "http://[0:0:0:0:0:ffff:7f00:1]/",
        "http://[::ffff:a9fe:a9fe]/",
        "http://[fe80::1%25eth0]/",
        "http://127%2e0%2e0%2e1/",
        "http://127.0.0.1\\@example.com/",
        "http://00000177.1/",
        "http://0x7f.1/",
        "http://0/",
    ],
)
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(Problem) as refusal:
        fetch(url, max_bytes=5000)
    assert refusal.value.status == 422


def test_the_connection_goes_to_the_address_that_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([["93.184.216.34"], ["127.0.0.1"], ["127.0.0.1"]])
    connected: list[str] = []

    def connect(self: object, host: str, *rest: object) -> httpcore.NetworkStream:
        connected.append(host)
        raise httpcore.ConnectError("not from a test")

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)
    rebinding = AddressPolicy(resolver=lambda host, port, timeout_s: next(answers))
    with pytest.raises(FetchFailed):
        fetch("http://rebind.example/a.png", max_bytes=5000, policy=rebinding)
    assert connected == ["93.184.216.34"]
    assert next(answers) == ["127.0.0.1"]  # it was resolved once


def test_a_second_address_is_tried_when_the_first_refuses(site: Site) -> None:
    site.pages["/"] = answer()
    policy = site.policy(two_example=["127.0.0.9", "127.0.0.1"])
    assert fetch(site.url("/", "two.example"), max_bytes=5000, policy=policy) == BODY


def test_proxies_of_the_environment_are_not_used(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    site.pages["/"] = answer()
    assert fetch(site.url("/"), max_bytes=5000, policy=site.policy()) == BODY


def test_three_redirects_are_followed_and_a_fourth_is_not(site: Site) -> None:
    for number in range(4):
        site.pages[f"/{number}"] = answer(b"", 302, Location=f"/{number + 1}")
    site.pages["/4"] = answer()
    assert fetch(site.url("/1"), max_bytes=5000, policy=site.policy()) == BODY
    with pytest.raises(FetchFailed, match="redirects more than 3"):
        fetch(site.url("/0"), max_bytes=5000, policy=site.policy())


@pytest.mark.parametrize(
    "location",
    ["http://169.254.169.254/latest/meta-data/", "http://10.0.0.1:{port}/", "http://inside.example:{port}/"],
)
def test_a_redirect_to_a_private_address_is_refused(site: Site, location: str) -> None:
    site.pages["/"] = answer(b"", 307, Location=location.format(port=site.port))
    with pytest.raises(AddressRefused):
        fetch(site.url("/"), max_bytes=5000, policy=site.policy(inside_example=["192.168.0.9"]))


@pytest.mark.parametrize("location", ["file:///etc/passwd", "http://user:x@127.0.0.1/", "http://[::1"])
def test_a_redirect_to_another_scheme_is_refused(site: Site, location: str) -> None:
    site.pages["/"] = answer(b"", 301, Location=location)
    with pytest.raises(FetchFailed):
        fetch(site.url("/"), max_bytes=5000, policy=site.policy())


def test_a_body_that_announces_too_much_is_413_unread(site: Site) -> None:
    site.pages["/"] = answer(b"x", Content_Length="5001")
    with pytest.raises(MediaTooLarge):
        fetch(site.url("/"), max_bytes=5000, policy=site.policy())


def test_a_body_without_end_is_413_at_the_limit(site: Site) -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        try:
            while not site.released.is_set():
                handler.wfile.write(bytes(65536))
        except OSError:
            site.released.set()  # the client hung up, as it should

    site.pages["/"] = endless
    with pytest.raises(MediaTooLarge):
        fetch(site.url("/"), max_bytes=1_000_000, policy=site.policy())
    assert site.released.wait(10)


def test_a_body_sent_byte_by_byte_ends_at_the_time_limit(site: Site) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            while not site.released.wait(0.02):
                handler.wfile.write(b"x")
        except OSError:
            site.released.set()

    site.pages["/"] = drip
    with pytest.raises(FetchFailed, match="in time") as refusal:
        fetch(site.url("/"), max_bytes=5000, policy=site.policy(), timeout_s=0.5)
    assert refusal.value.retryable


def test_headers_sent_byte_by_byte_end_at_the_time_limit(site: Site) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        try:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-A: ")
            while not site.released.wait(0.02):
                handler.wfile.write(b"a")
        except OSError:
            site.released.set()

    site.pages["/"] = drip
    with pytest.raises(FetchFailed, match="in time"):
        fetch(site.url("/"), max_bytes=5000, policy=site.policy(), timeout_s=0.5)


def test_a_fetch_that_waits_is_interrupted_from_another_thread(site: Site) -> None:
    asked = threading.Event()

    def silent(handler: BaseHTTPRequestHandler) -> None:
        asked.set()
        handler.connection.settimeout(30)
        assert handler.connection.recv(1) == b"", "the client hung up"
        site.released.set()

    site.pages["/"] = silent
    deadline = Deadline(60)
    ended: list[BaseException] = []

    def get() -> None:
        try:
            fetch(site.url("/"), max_bytes=5000, policy=site.policy(), deadline=deadline)
        except Problem as problem:
            ended.append(problem)

    thread = threading.Thread(target=get)
    thread.start()
    assert asked.wait(20)
    deadline.interrupt()
    thread.join(20)
    assert not thread.is_alive()
    assert site.released.wait(20)
    assert isinstance(ended[0], FetchFailed)


def test_an_exchange_that_was_interrupted_before_connects_to_nobody(site: Site) -> None:
    deadline = Deadline(60)
    deadline.interrupt()
    with pytest.raises(FetchFailed):
        fetch(site.url("/"), max_bytes=5000, policy=site.policy(), deadline=deadline)
    assert site.seen == []


def test_a_server_that_never_answers_ends_at_the_time_limit() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        policy = AddressPolicy(ports=frozenset({port}), allowed=LOOPBACK)
        with pytest.raises(FetchFailed, match="in time"):
            fetch(f"http://127.0.0.1:{port}/", max_bytes=5000, policy=policy, timeout_s=0.3)


@pytest.mark.parametrize(
    ("status", "retryable"), [(404, False), (403, False), (500, True), (503, True), (429, True)]
)
def test_an_error_is_told_and_whether_to_try_again(site: Site, status: int, retryable: bool) -> None:
    site.pages["/"] = answer(b"no", status)
    with pytest.raises(FetchFailed, match=str(status)) as refusal:
        fetch(site.url("/"), max_bytes=5000, policy=site.policy())
    assert refusal.value.retryable is retryable


def test_a_compressed_body_is_refused(site: Site) -> None:
    site.pages["/"] = answer(b"x", Content_Encoding="gzip")
    with pytest.raises(FetchFailed, match="compressed"):
        fetch(site.url("/"), max_bytes=5000, policy=site.policy())


def test_a_connection_cut_in_the_middle_may_be_tried_again(site: Site) -> None:
    site.pages["/"] = answer(b"half", Content_Length="4000")
    with pytest.raises(FetchFailed) as refusal:
        fetch(site.url("/"), max_bytes=5000, policy=site.policy())
    assert refusal.value.retryable


def certificate(folder: Path, name: str) -> Path:
    """A key and a self-signed certificate for `name`, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    pem = serialization.Encoding.PEM
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    file.write_bytes(key.private_bytes(pem, *plain) + signed.public_bytes(pem))
    return file


def test_tls_names_and_checks_the_urls_host_though_the_address_is_pinned(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = certificate(tmp_path, "images.example")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    asked: list[str | None] = []
    server.sni_callback = lambda connection, name, context: asked.append(name)
    # The handshake belongs to the connection's own thread: a refused one must not end the server.
    site.server.socket = server.wrap_socket(
        site.server.socket, server_side=True, do_handshake_on_connect=False
    )
    site.server.handle_error = lambda *args: None
    site.pages["/"] = answer()
    trusting = ssl.create_default_context(cafile=str(file))
    monkeypatch.setattr(tls, "client_context", lambda: trusting)
    policy = site.policy(images_example=["127.0.0.1"], other_example=["127.0.0.1"])
    address = site.url("/", "images.example").replace("http:", "https:")
    assert fetch(address, max_bytes=5000, policy=policy) == BODY
    assert asked == ["images.example"]
    with pytest.raises(FetchFailed):  # the certificate is another host's
        fetch(address.replace("images", "other"), max_bytes=5000, policy=policy)
