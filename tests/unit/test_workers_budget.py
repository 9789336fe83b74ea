"""Tokens in flight are granted within a capacity, in order, and come back when a holder vanishes."""

import socket
import threading
from pathlib import Path

import pytest

from sightline.kinds.contract import Call, Image
from sightline_workers.budget import Budget, estimate
from sightline_workers.engines.contract import Abort, Aborted
from sightline_workers.ledger import Ledger


@pytest.fixture
def ledger(tmp_path: Path):
    ledger = Ledger(tmp_path / "budget.sock")
    yield ledger
    ledger.close()


def hold(ledger: Ledger, tokens: int, *, kind: str = "chat", abort: Abort | None = None):
    """A thread that holds tokens until its `release` is set; `granted` tells when it has them."""
    granted, release = threading.Event(), threading.Event()

    def run() -> None:
        with Budget(str(ledger.path)).reserve(tokens, kind=kind, abort=abort or Abort()):
            granted.set()
            release.wait(10)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return granted, release, thread


def test_a_reservation_that_does_not_fit_waits_until_another_ends(ledger: Ledger) -> None:
    ledger.open(1000)
    first, end_first, _ = hold(ledger, 800)
    assert first.wait(5)
    second, end_second, _ = hold(ledger, 300)
    assert not second.wait(0.2)
    end_first.set()
    assert second.wait(5)
    end_second.set()


def test_gui_is_granted_before_an_ocr_that_asked_earlier(ledger: Ledger) -> None:
    ledger.open(1000)
    first, end_first, _ = hold(ledger, 1000)
    assert first.wait(5)
    ocr, end_ocr, _ = hold(ledger, 900, kind="ocr")
    assert not ocr.wait(0.1)
    gui, end_gui, _ = hold(ledger, 900, kind="gui")
    assert not gui.wait(0.1)
    end_first.set()
    assert gui.wait(5)
    assert not ocr.is_set()
    end_gui.set()
    assert ocr.wait(5)
    end_ocr.set()


def test_a_holder_that_vanishes_gives_its_tokens_back(ledger: Ledger) -> None:
    ledger.open(100)
    link = socket.socket(socket.AF_UNIX)
    link.connect(str(ledger.path))
    link.sendall(b'{"tokens": 100, "order": 0}\n')
    assert link.recv(1) == b"+"
    waiting, release, _ = hold(ledger, 50)
    assert not waiting.wait(0.1)
    link.close()  # what the kernel does for a worker that was killed
    assert waiting.wait(5)
    release.set()


def test_a_request_larger_than_the_cache_runs_alone_instead_of_never(ledger: Ledger) -> None:
    ledger.open(100)
    granted, release, _ = hold(ledger, 5000)
    assert granted.wait(5)
    release.set()


def test_an_abort_ends_the_wait(ledger: Ledger) -> None:
    ledger.open(100)
    first, release, _ = hold(ledger, 100)
    assert first.wait(5)
    abort = Abort()
    threading.Timer(0.1, abort.set, ["cancelled"]).start()
    with pytest.raises(Aborted), Budget(str(ledger.path)).reserve(100, kind="gui", abort=abort):
        pytest.fail("granted beyond the capacity")
    release.set()


def test_the_estimate_counts_text_the_named_images_and_the_answer() -> None:
    images = [Image(index=0, width=320, height=320), Image(index=1, width=640, height=640)]
    parts = [{"type": "image", "index": 0}, {"type": "text", "text": "x" * 25}]
    call = Call(messages=[{"role": "user", "content": parts}], sampling={"max_tokens": 100})
    assert estimate(call, images) == 10 + 100 + 100
