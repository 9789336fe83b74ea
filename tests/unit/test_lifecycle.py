"""Log lines: one a transition, and nothing from outside can start another."""

import pytest

from sightline.telemetry.lifecycle import _line


def test_a_line_is_fields_in_order() -> None:
    line = _line("started", "job_01", "ocr", 2, worker="ocr-gpu0@host#1", queued_ms=1.25)
    assert line == "event=started job=job_01 kind=ocr attempt=2 worker=ocr-gpu0@host#1 queued_ms=1.2"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", "''"),
        ("two words", "'two words'"),
        ("a\nevent=forged", "'a\\nevent=forged'"),
        ("x=1", "'x=1'"),
        ("\x1b[31mred", "'\\x1b[31mred'"),
        ("plain:text/1.0", "plain:text/1.0"),
    ],
)
def test_a_value_stays_one_field_on_one_line(text: str, shown: str) -> None:
    assert _line("e", "j", "k", 1, message=text).endswith(f" message={shown}")
