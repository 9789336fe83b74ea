"""Text from a model, made fit for every database."""

import json
import math

from hypothesis import given
from hypothesis import strategies as st

from sightline.jobs.storable import storable

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec=None)), inner),
)


@given(JSON)
def test_whatever_comes_can_be_written_as_strict_json(value: object) -> None:
    text = json.dumps(storable(value), allow_nan=False, ensure_ascii=False)
    text.encode()
    assert "\\u0000" not in text.replace("\\\\", "")


def test_what_is_fit_stays_as_it_is() -> None:
    value = {"text": "ü 😀 \n\t", "box": [1, 2.5, None, True], "deep": {"a": ["b"]}}
    assert storable(value) == value


def test_what_is_refused_is_replaced() -> None:
    assert storable("a\x00b\ud800c") == "a\ufffdb\ufffdc"
    assert storable({"a\x00": [math.nan, math.inf, 1.0]}) == {"a\ufffd": [None, None, 1.0]}
