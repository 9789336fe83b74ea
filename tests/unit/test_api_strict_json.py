"""JSON that any database can store, and nothing else."""

import pytest

from sightline.api import strict_json
from sightline.api.strict_json import InvalidJson, loads


def test_plain_json_is_read() -> None:
    assert loads(b'{"a": [1, 2.5, "x", null, true]}') == {"a": [1, 2.5, "x", None, True]}


def test_a_byte_order_mark_is_passed_over() -> None:
    assert loads(b"\xef\xbb\xbf{}") == {}


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "Expecting value"),
        (b"NaN", "NaN"),
        (b"[-Infinity]", "-Infinity"),
        (b"1e999", "too large"),
        (b"9" * 5000, "too long"),
        (b'{"a": 1, "a": 2}', "twice"),
        (b'"\\u0000"', "NUL"),
        (b'{"a\\u0000": 1}', "NUL"),
        (b'["\\ud83d"]', "surrogate"),
        (b'{"\\udc00": 1}', "surrogate"),
        (b"\xff", "UTF-8"),
        (b"[" * 2000 + b"]" * 2000, "nested"),
        (b"[" * 65 + b"]" * 65, "nested"),
        (b"[" + b"0," * strict_json.MAX_NODES + b"0]", "more than"),
    ],
)
def test_what_no_database_can_store_is_refused(raw: bytes, says: str) -> None:
    with pytest.raises(InvalidJson, match=says) as refusal:
        loads(raw)
    assert refusal.value.status == 400


def test_an_escaped_backslash_before_u0000_is_no_nul() -> None:
    assert loads(rb'"\\u0000"') == "\\u0000"


def test_surrogate_pairs_are_characters() -> None:
    assert loads(b'"\\ud83d\\ude00"') == "\U0001f600"


def test_brackets_in_strings_are_no_nesting() -> None:
    assert loads(b'"' + b"[" * 1000 + b'"') == "[" * 1000


def test_wide_and_flat_is_no_nesting() -> None:
    assert len(loads(b"[" + b"[]," * 1000 + b"[]]")) == 1001
