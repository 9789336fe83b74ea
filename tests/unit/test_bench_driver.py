"""What the benchmarks measure with is itself right."""

import asyncio
import itertools
import json
from collections import Counter
from pathlib import Path

import pytest
from bench.driver import load, trace, workload
from bench.driver.machine import Machine
from bench.driver.measured import busy_s
from bench.driver.plots import Bars, Figure, Lines
from bench.driver.report import Finding, Report, Table
from bench.driver.trace import Asked, Requests
from PIL import Image


def entry(scheduled: float | None, finished: float | None) -> dict[str, dict[str, float] | None]:
    """A request in a twin's log."""
    return {
        name: None if moment is None else {"monotonic": moment}
        for name, moment in (("scheduled", scheduled), ("finished", finished))
    }


def test_an_engine_is_busy_while_anything_runs_and_no_longer_than_the_window() -> None:
    log = [entry(0, 2), entry(1, 3), entry(2.5, 2.7), entry(6, None), entry(None, None), entry(8, 9)]
    assert busy_s(log, 1.5, 7.0) == pytest.approx((3 - 1.5) + (7 - 6))
    assert busy_s([], 0, 1) == 0


def test_at_best_the_engine_answers_what_is_new_and_l1_what_is_asked_for_the_third_time() -> None:
    asked = Asked(keys=[1, 2, 1, 1, 2, 3, 1])
    assert asked.at_best(0, 7) == {"engine": 3 / 7, "l2": 2 / 7, "l1": 2 / 7}
    assert asked.at_best(4, 7) == {"engine": 1 / 3, "l2": 1 / 3, "l1": 1 / 3}


def test_everybody_gets_the_same_trace_in_which_few_ask_for_most() -> None:
    first, second = (list(itertools.islice(trace.zipf(), 5000)) for _ in range(2))
    assert first == second
    often = sum(count for _, count in Counter(first).most_common(100))
    assert 0.3 < often / 5000 < 0.7
    alone = [key for key in first if key >= trace.KEYS]
    assert len(alone) == len(set(alone))
    assert 0.04 < len(alone) / 5000 < 0.08


def test_a_request_is_the_same_for_the_engine_and_for_the_platform() -> None:
    picture = workload._encoded(Image.new("RGB", (64, 64)))
    requests = Requests([picture], tokens=30)
    engine, native = json.loads(requests.engine(7)), json.loads(requests.native(7, cache="off"))
    parts = {part["type"]: part for part in engine["messages"][-1]["content"]}
    assert parts["text"]["text"] == native["input"]["prompt"] == workload.prompt(30, 7)
    assert parts["image_url"]["image_url"]["url"] == native["input"]["images"][0]["data"] == picture.uri
    assert native["cache"] == {"mode": "off"}
    assert engine["temperature"] == native["params"]["temperature"] == 0
    assert engine["max_tokens"] == native["params"]["max_tokens"]
    assert requests.engine(7) != requests.engine(8)


@pytest.mark.parametrize("drain", [True, False])
def test_what_is_aboard_when_a_window_closes_is_waited_for_or_given_up(drain: bool) -> None:
    ended: list[bool] = []

    async def user() -> bool:
        await asyncio.sleep(0.3)
        ended.append(True)
        return True

    samples = asyncio.run(load.closed_loop([user], seconds=0.05, warm_up_s=0.05, drain=drain))
    assert samples.latencies_ms == []
    assert ended == [True] * drain


def test_a_run_publishes_its_own_part_and_leaves_the_others(tmp_path: Path) -> None:
    (tmp_path / "report").mkdir()
    readme = tmp_path / "README.md"
    block = "<!-- benchmark {0} -->\n{1}\n<!-- end of benchmark {0} -->\n"
    readme.write_text("# A\n" + block.format("one", "old") + block.format("two", "old"))
    figure = Figure(
        name="plot",
        title="A plot",
        panels=[
            Lines(title="l", x_label="x", y_label="y", lines={"a": ([1, 2], [3, 4])}, logarithmic="y"),
            Bars(title="b", y_label="y", labels=["a", "b"], parts={"p": [1, 2], "q": [0, 1]}),
        ],
        published=True,
    )
    finding = Finding(
        name="one",
        title="One",
        about="About it.",
        summary=["2× (aim 1×)"],
        tables=[],
        figures={"ratio": 2},
        plots=[figure],
        headline=Table(title="Head", columns=["a"], rows=[[1.234]]),
    )
    report = Report(tmp_path / "report", Machine.look(tmp_path))
    report.add(finding, seconds=1.0)
    report.publish(tmp_path / "kept", readme)
    text = readme.read_text()
    assert "| 1.23 |" in text
    assert "![A plot](kept/plot.png)" in text
    assert text.count("old") == 1, "the part of a benchmark that did not run is left"
    assert (tmp_path / "kept" / "plot.png").stat().st_size > 1000
    assert "2× (aim 1×)" in (tmp_path / "kept" / "one.md").read_text()
    assert json.loads((tmp_path / "report" / "bench.json").read_text())["one"] == {"ratio": 2}
    report.publish(tmp_path / "kept", readme)
    assert readme.read_text() == text
