"""The switch that stops a call from another thread."""

import pytest

from sightline_workers.engines.contract import Abort, Aborted


def test_setting_it_runs_what_was_attached_once() -> None:
    abort, runs = Abort(), []
    abort.attach(lambda: runs.append(1))
    abort.set("first")
    abort.set("second")
    assert runs == [1]
    assert abort.reason == "first"


def test_what_is_attached_later_runs_at_once() -> None:
    abort, runs = Abort(), []
    abort.set("now")
    abort.attach(lambda: runs.append(1))
    assert runs == [1]


def test_what_was_detached_does_not_run() -> None:
    abort, runs = Abort(), []

    def interrupt() -> None:
        runs.append(1)

    abort.attach(interrupt)
    abort.detach(interrupt)
    abort.detach(interrupt)
    abort.set("now")
    assert runs == []


def test_check_raises_with_the_reason() -> None:
    abort = Abort()
    abort.check()
    abort.set("deadline")
    with pytest.raises(Aborted, match="deadline"):
        abort.check()
