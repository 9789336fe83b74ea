"""The registry, and what every kind has in common."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.kinds import lenient_json
from sightline.kinds.pointers import pointer
from sightline.kinds.registry import KINDS, UnknownKind, get
from sightline.kinds.text import storable


def test_the_kinds_are_found_by_name():
    assert set(KINDS) == {"gui", "chat", "ocr"}
    assert get("gui").name == "gui"
    with pytest.raises(UnknownKind, match="gui, chat, ocr"):
        get("poetry")


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_every_schema_has_examples_that_pass_it_and_closes_itself(kind):
    for model in (kind.Input, kind.Params):
        schema = model.model_json_schema()
        assert schema["additionalProperties"] is False
        assert schema["examples"]
        for example in schema["examples"]:
            model.model_validate(example)


def test_kinds_load_neither_django_nor_pillow_nor_torch():
    code = (
        "import sys, sightline.kinds.registry as registry; "
        "print(sorted({'django', 'PIL', 'torch', 'celery'} & set(sys.modules)), len(registry.KINDS))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": "platform"},
    )
    assert done.stdout.strip() == "[] 3"


def test_pointers_skip_the_names_of_union_members_and_escape():
    value = {"messages": [{"role": "user", "content": [{"a/b": 1}]}]}
    assert (
        pointer(("messages", 0, "user", "content", "parts", 0, "text", "a/b"), value)
        == "/messages/0/content/0/a~1b"
    )
    assert pointer(("messages", 0, "user", "name"), value, missing=True) == "/messages/0/name"
    assert pointer((), value) == ""


@pytest.mark.parametrize(
    ("text", "value", "complete"),
    [
        ('{"a": 1}', {"a": 1}, True),
        ("prose {'a': 'it\\'s', 'b': None, 'c': (1, 2)} more", {"a": "it's", "b": None, "c": [1, 2]}, True),
        ('{"a": [1, 2, 3', {"a": [1, 2]}, False),
        ('{"a": "x", "b": "y', {"a": "x"}, False),
        ('{"a": {"b": {"c": 1}}', {"a": {"b": {"c": 1}}}, False),
        ("{a: tru", {}, False),
        ('[{"a": 1}, {"a": 2', [{"a": 1}], False),
        ('{"a": "line\nbreak"}', {"a": "line\nbreak"}, True),
        (r'{"a": "\frac{1}{2} \(x\)"}', {"a": "\x0crac{1}{2} \\(x\\)"}, True),
    ],
)
def test_json_is_read_as_models_write_it(text, value, complete):
    found = lenient_json.find(text)
    if found is None:
        assert value == {}
    else:
        assert (found.value, found.complete) == (value, complete)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)


@given(st.dictionaries(st.text(), JSON, min_size=1, max_size=4), st.data())
def test_cut_off_json_never_gains_a_value(value, data):
    text = json.dumps(value)
    cut = text[: data.draw(st.integers(1, len(text)))]
    found = lenient_json.find(cut)
    assert found is not None or cut != text
    if found is not None and found.start == 0:
        assert set(found.value) <= set(value)
        for key, item in found.value.items():
            if not isinstance(item, dict | list):
                assert item == value[key]


@given(
    st.recursive(
        st.text() | st.floats() | st.integers() | st.none(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_whatever_is_made_storable_is_plain_json(value):
    json.dumps(storable(value), allow_nan=False, ensure_ascii=False).encode()
