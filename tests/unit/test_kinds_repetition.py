"""Loops in generated text."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.kinds.repetition import LoopWatch, is_looping, loop_period, settled_finish

PROSE = " ".join(f"Sentence number {number} says something else." for number in range(400))


@pytest.mark.parametrize(
    "unit",
    [
        ".",
        "ha ",
        "<td></td>",
        "|---",
        '{"bbox_2d": [1, 2, 3, 4], "text_content": "x"}, ',
        "The same sentence, once more and again. ",
        "A paragraph that is longer than the others, " + PROSE[:900],
    ],
)
def test_a_unit_that_never_ends_is_a_loop(unit):
    text = PROSE + unit * (12_000 // len(unit) + 1)
    assert is_looping(text)
    assert loop_period(text) == len(unit)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        PROSE,
        "Contents " + "." * 300 + " 12",
        "|" + "---|" * 60,
        "<table>" + "<tr><td></td><td></td></tr>\n" * 18,
        "Ada Lovelace\n12 Example Street\nLondon\n\n" * 21,
        "\n".join(f"{number}. 0.00" for number in range(500)),
        "x" * 600 + " and on it goes",
    ],
)
def test_what_documents_hold_is_no_loop(text):
    assert not is_looping(text)


def test_a_stream_is_stopped_soon_after_it_starts_to_loop():
    watch = LoopWatch()
    assert not any(watch.feed(word + " ") for word in PROSE.split())
    fed = 0
    while not watch.feed("no no "):
        fed += 6
        assert fed < 2000


def test_only_text_cut_at_the_limit_is_called_a_loop():
    assert settled_finish("no " * 1000, "length") == "repetition"
    assert settled_finish("no " * 1000, "stop") == "stop"
    assert settled_finish("no", "length") == "length"


def test_the_check_is_cheap_on_long_and_on_awkward_text():
    awkward = ("a" * 400 + "b") * 100 + "a" * 401
    started = time.process_time()
    for _ in range(10):
        is_looping(PROSE * 100)
        is_looping(awkward)
    assert time.process_time() - started < 1


@given(st.text(max_size=200), st.text(min_size=1, max_size=40), st.integers(0, 200))
def test_a_loop_really_repeats_its_unit_at_the_end(prefix, unit, count):
    text = prefix + unit * count
    period = loop_period(text)
    if period is not None:
        assert text[-period:] == text[-2 * period : -period]
