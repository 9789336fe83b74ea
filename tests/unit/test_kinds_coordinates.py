"""Coordinates: from the model's grid to pixels."""

from hypothesis import given
from hypothesis import strategies as st

from sightline.kinds.coordinates import GRID, MOBILE_GRID, numbers, place

SIZES = st.integers(1, 20_000)
DIVISORS = st.sampled_from([GRID, MOBILE_GRID])


def test_the_example_of_the_contract():
    placed = place([82, 64, 911, 97], width=1240, height=1754)
    assert placed.pixels == (102, 112, 1130, 170)
    assert placed.normalised == (0.082, 0.064, 0.911, 0.097)
    assert placed.raw == (82, 64, 911, 97)
    assert not placed.clamped


@given(st.integers(0, GRID), SIZES, DIVISORS)
def test_a_value_on_the_grid_follows_the_formula(value, size, divisor):
    value = min(value, divisor)
    placed = place([value, value], width=size, height=size, divisor=divisor)
    expected = min(size - 1, round(value / divisor * size))
    assert placed.pixels == (expected, expected)
    assert not placed.clamped


@given(
    st.lists(st.floats(allow_nan=False) | st.integers(-(10**30), 10**30), min_size=2, max_size=2),
    SIZES,
    SIZES,
    DIVISORS,
)
def test_every_value_lands_inside_the_image_and_is_flagged_when_it_was_not(values, width, height, divisor):
    placed = place(values, width=width, height=height, divisor=divisor)
    assert 0 <= placed.pixels[0] < width
    assert 0 <= placed.pixels[1] < height
    assert all(0 <= value <= 1 for value in placed.normalised)
    assert placed.clamped == any(not 0 <= value <= divisor for value in values)


@given(st.integers(0, GRID), st.integers(0, GRID), SIZES)
def test_what_lies_further_right_never_lands_further_left(first, second, size):
    first, second = sorted((first, second))
    placed = place([first, 0, second, 0], width=size, height=1)
    assert placed.pixels[0] <= placed.pixels[2]


def test_both_ends_of_the_grid_are_the_ends_of_the_image():
    assert place([0, 1000], width=640, height=480).pixels == (0, 479)
    assert place([999, 999], width=640, height=480, divisor=MOBILE_GRID).pixels == (639, 479)


def test_numbers_are_taken_from_what_models_write_and_from_nothing_else():
    assert numbers([1, 2.5], 2) == [1, 2.5]
    assert numbers(["1", " 2 "], 2) == [1, 2]
    assert numbers("[1, 2]", 2) == [1, 2]
    assert numbers("78 217 916 500", 4) == [78, 217, 916, 500]
    for refused in (
        None,
        [],
        [1],
        [1, 2, 3],
        [True, 1],
        [float("inf"), 1],
        "1",
        "one, two",
        {"x": 1},
        [[1], [2]],
    ):
        assert numbers(refused, 2) is None


@given(st.one_of(st.text(), st.lists(st.one_of(st.text(), st.floats(), st.integers(), st.none()))))
def test_numbers_takes_anything_without_an_error(value):
    assert numbers(value, 2) is None or len(numbers(value, 2)) == 2
