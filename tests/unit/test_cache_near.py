"""The parts of the near cache that need no database: the test on tiles, the bound of a rate, the verdict."""

import io
import subprocess
import sys
from typing import Any

import pytest
from PIL import Image
from support import hard_pairs
from support.hard_pairs import Pair

from sightline.media import hashes, likeness
from sightline.near import bound
from sightline.near.verdict import agree

SCENES = 7
"""One of each sort; `tests/bench/run.py near` measures more of them."""


def _opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def _pixels(data: bytes) -> str:
    return hashes.pixel_sha256(_opened(data).convert("RGB"))


def _alike(pair: Pair) -> bool:
    return likeness.compare(_opened(pair.first), _opened(pair.second)).alike


def test_no_pair_whose_answers_differ_passes() -> None:
    # Two encodings of each change: all of them take minutes.
    pairs = list(hard_pairs.differing(11, scenes=SCENES, firsts=("png",), ways=("png", "jpeg75")))
    assert len(pairs) > 100
    assert [pair.name for pair in pairs if _alike(pair)] == []


def test_exact_keys_take_no_pair_of_different_answers_for_one() -> None:
    pairs = hard_pairs.differing(12, scenes=SCENES, firsts=("png",), ways=("png",))
    same = [pair.name for pair in pairs if _pixels(pair.first) == _pixels(pair.second)]
    assert same == []


def test_most_harmless_copies_pass() -> None:
    pairs = list(hard_pairs.harmless(11, scenes=SCENES, firsts=("png",), ways=("jpeg90", "jpeg60", "webp95")))
    caught = sum(map(_alike, pairs))
    assert caught >= 0.9 * len(pairs), f"{caught} of {len(pairs)}"


def test_a_copy_shares_parts_with_its_picture_and_a_stranger_does_not() -> None:
    form, dialog = hard_pairs.drawn(3, 2)
    original = hashes.regions(form.picture())
    copy = hashes.regions(_opened(hard_pairs.jpeg(60)(form.picture())))
    assert len(original) == 16
    assert sum(a == b for a, b in zip(original, copy, strict=True)) >= 4
    other = hashes.regions(dialog.picture())
    assert sum(a == b for a, b in zip(original, other, strict=True)) <= 4


@pytest.mark.parametrize("shift", [(1, 0), (0, -1), (-2, 2)])
def test_a_shift_of_a_pixel_or_two_is_undone(shift: tuple[int, int]) -> None:
    picture = hard_pairs.drawn(4, 1)[0].picture()
    found = likeness.compare(picture, hard_pairs.shifted(picture, *shift))
    assert (found.alike, found.shift) == (True, shift)


def test_sizes_that_differ_and_pictures_too_small_to_compare_are_different() -> None:
    white = Image.new("RGB", (64, 64), "white")
    assert not likeness.compare(white, white.resize((64, 65))).alike
    assert not likeness.compare(white.resize((16, 64)), white.resize((16, 64))).alike
    assert likeness.compare(white, white.copy()).excess == 0


def test_one_dot_counts() -> None:
    white = Image.new("RGB", (200, 100), "white")
    dotted = white.copy()
    dotted.paste("#808080", (101, 51, 103, 53))
    assert not likeness.compare(white, dotted).alike


@pytest.mark.parametrize(
    ("events", "trials", "upper"),
    # Clopper and Pearson's one-sided bounds at 95 %, from the beta distribution.
    [
        (0, 1, 0.95),
        (0, 10, 0.2589),
        (0, 3000, 0.000998),
        (1, 100, 0.0466),
        (5, 1000, 0.01048),
        (3, 3, 1.0),
        (0, 0, 1.0),
    ],
)
def test_the_upper_bound_of_a_rate(events: int, trials: int, upper: float) -> None:
    assert bound.upper(events, trials) == pytest.approx(upper, rel=2e-3)


def test_the_bound_is_scipy_s() -> None:
    from scipy.stats import beta

    for events, trials in ((1, 7), (2, 500), (10, 12_345)):
        assert bound.upper(events, trials) == pytest.approx(
            beta.ppf(0.95, events + 1, trials - events), rel=1e-6
        )


def _page(text: str, **more: Any) -> dict[str, Any]:
    return {"schema": "ocr/1", "pages": [{"page": 1, "text": text, **more}]}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (_page("Total 12.50"), _page("Total  12.50\n"), True),
        (_page("Total 12.50"), _page("Total 12.60"), False),
        (_page("a", attempts=1), _page("a", attempts=2), True),
        (
            _page("a", blocks=[{"bbox_2d": [1, 2, 3, 4]}]),
            _page("a", blocks=[{"bbox_2d": [3, 2, 3, 4]}]),
            True,
        ),
        (_page("a", blocks=[{"bbox_2d": [1, 2, 3, 4]}]), _page("a", blocks=[]), False),
        (
            {"arguments": {"action": "left_click", "coordinate": [500, 80]}, "thought": "Save it"},
            {"arguments": {"action": "left_click", "coordinate": [503, 78]}, "thought": "I save"},
            True,
        ),
        (
            {"arguments": {"action": "left_click", "coordinate": [500, 80]}},
            {"arguments": {"action": "left_click", "coordinate": [520, 80]}},
            False,
        ),
        ({"arguments": {"action": "wait"}}, {"arguments": {"action": "left_click"}}, False),
        ({"fields": {"total": 1}}, {"fields": {"total": True}}, False),
        ({"fields": {"total": None}}, {"fields": {}}, True),
    ],
)
def test_outputs_agree_when_they_say_the_same(one: Any, other: Any, same: bool) -> None:
    assert agree(one, other) is same


def test_the_web_starts_without_numpy_and_scipy() -> None:
    code = (
        "import django, os, sys; os.environ['DJANGO_SETTINGS_MODULE'] = 'sightline.settings'; django.setup();"
        "import sightline.urls, sightline.jobs.services.submit;"
        "sys.exit(', '.join(sorted({'numpy', 'scipy', 'imagehash'} & sys.modules.keys())) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
