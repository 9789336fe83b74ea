"""Rows 13 and 18 of the fault matrix: servers that users name, which lead inside or never answer."""

import os
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from support.bodies import body, picture
from support.platform import Platform
from support.site import Site, answer, serving
from support.waiting import until

OUTSIDE, INSIDE = "127.7.0.1", "127.0.0.1"
"""An address that the platform of these tests may connect to (`conftest.py`), and one that it must not."""

_REBIND = f"""
import socket
_real, _answers = socket.getaddrinfo, ["{OUTSIDE}"]

def getaddrinfo(host, *rest, **more):
    # Each look-up but the first answers with the address inside.
    if host == "rebind.test":
        host = _answers.pop() if _answers else "{INSIDE}"
    return _real(host, *rest, **more)

socket.getaddrinfo = getaddrinfo
"""


@pytest.fixture
def outside() -> Iterator[Site]:
    with serving(OUTSIDE) as site:
        site.pages["/a.png"] = answer(picture(9000))
        yield site


@pytest.fixture
def inside(outside: Site) -> Iterator[Site]:
    """What must never be reached, on the same port."""
    with serving(INSIDE, outside.port) as site:
        site.pages = dict.fromkeys(("/a.png", "/hook"), answer(picture(9001)))
        yield site


@pytest.fixture
def cpu(platform: Platform, tmp_path: Path) -> Iterator[Platform]:
    """The platform with the worker that fetches and delivers, whose name server changes its mind."""
    (tmp_path / "sitecustomize.py").write_text(_REBIND)
    platform.start_cpu(env={"PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"})
    yield platform
    platform.children["cpu"].stop(30.0)


def _by_url(url: str) -> dict[str, Any]:
    return {"kind": "ocr", "input": {"images": [{"url": url}], "mode": "text"}}


@pytest.mark.row(13)
def test_addresses_that_lead_inside_are_refused_in_every_spelling(
    platform: Platform, outside: Site, inside: Site
) -> None:
    client = platform.client()
    spellings = (
        INSIDE,
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "169.254.169.254",
    )
    for host in spellings:
        url = inside.url("/a.png", host)
        for asked in (_by_url(url), body("chat", 9000, webhook={"url": url})):
            refused = client.post(asked, f"inside-{host}-{asked['kind']}")
            assert refused is not None
            assert refused.status_code == 422, (url, refused.text)
    assert inside.seen == []


@pytest.mark.row(13)
def test_redirects_and_names_that_lead_inside_are_not_followed(
    cpu: Platform, outside: Site, inside: Site
) -> None:
    client = cpu.client()
    outside.pages["/away"] = answer(status=302, Location=inside.url("/a.png"))
    rebound = client.submit(_by_url(outside.url("/a.png", "rebind.test")))
    assert client.wait(rebound)["status"] == "succeeded", (
        "the address that was checked is the one connected to"
    )
    for url in (outside.url("/away"), inside.url("/a.png", "localhost"), inside.url("/a.png", "rebind.test")):
        job = client.submit(_by_url(url))
        ended = client.wait(job)
        assert ended["status"] == "failed", url
        if url != outside.url("/away"):  # whose owner knows where it leads
            assert INSIDE not in str(ended["error"]), "an error must not tell what a name resolves to"
    assert inside.seen == []


def _endless(status: int) -> Any:
    def page(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.end_headers()
        while True:  # until the client hangs up, which breaks the pipe
            handler.wfile.write(b"x" * 65_536)

    return page


@pytest.mark.row(18)
def test_receivers_that_fail_hang_or_never_stop_hold_nobody_up(cpu: Platform, outside: Site) -> None:
    failed_once: list[bool] = []

    def recovers(handler: BaseHTTPRequestHandler) -> None:
        answer(status=200 if failed_once else 500)(handler)
        failed_once.append(True)

    outside.pages |= {
        "/good": answer(),
        "/recovers": recovers,
        "/never": lambda handler: outside.released.wait(),
        "/endless": _endless(200),
        "/endless-refusal": _endless(503),
        "/away": answer(status=302, Location=outside.url("/good")),
    }
    client = cpu.client()
    jobs = {
        path: client.submit(body("chat", 9100 + number, webhook={"url": outside.url(path)}))
        for number, path in enumerate(
            ("/never", "/endless", "/endless-refusal", "/away", "/recovers", "/good")
        )
    }
    assert {client.wait(job)["status"] for job in jobs.values()} == {"succeeded"}, (
        "no job waits for a receiver"
    )

    def seen(path: str) -> list[dict[str, str]]:
        return [request.headers for request in outside.seen if request.path == path]

    until(lambda: seen("/good"), what="the good receiver is told while another one hangs")
    until(lambda: len(seen("/recovers")) == 2, what="the refused delivery is repeated")
    first, second = seen("/recovers")
    assert first["webhook-id"] == second["webhook-id"]
    until(lambda: _deliveries(cpu, jobs["/endless"])[0]["state"] == "delivered", what="2xx is enough")
    for path, told in (("/never", "no answer"), ("/endless-refusal", "503"), ("/away", "302")):
        until(lambda job=jobs[path]: _attempts(cpu, job), what=f"{path} was given up for now")  # type: ignore[misc]
        assert told in _attempts(cpu, jobs[path])[0]["error"], path
        assert len(_attempts(cpu, jobs[path])[0]["response"]) <= 1000
        assert _deliveries(cpu, jobs[path])[0]["state"] in ("pending", "sending"), "it is tried again later"
    assert len(seen("/good")) == 1, "redirects of webhooks are not followed"


def _deliveries(platform: Platform, job: str) -> list[dict[str, Any]]:
    return platform.rows("SELECT * FROM webhooks_delivery WHERE job_id = ?", platform.key_of(job))


def _attempts(platform: Platform, job: str) -> list[dict[str, Any]]:
    return platform.rows(
        "SELECT a.* FROM webhooks_deliveryattempt a JOIN webhooks_delivery d ON d.id = a.delivery_id"
        " WHERE d.job_id = ? ORDER BY a.id",
        platform.key_of(job),
    )
