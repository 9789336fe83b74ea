"""Identifiers: sortable by time inside and outside, and nothing else is taken for one."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline import ids


@given(st.uuids())
def test_what_is_encoded_is_decoded(value: uuid.UUID) -> None:
    assert ids.decode(ids.JOB, ids.encode(ids.JOB, value)) == value


@given(st.uuids(), st.uuids())
def test_public_identifiers_sort_as_the_uuids_do(one: uuid.UUID, other: uuid.UUID) -> None:
    assert (ids.encode(ids.JOB, one) < ids.encode(ids.JOB, other)) == (one < other)


def test_new_identifiers_are_uuid7_and_sort_by_time() -> None:
    made = [ids.new_id() for _ in range(1000)]
    assert {value.version for value in made} == {7}
    assert made == sorted(made)
    assert len(set(made)) == 1000


def test_a_public_identifier_has_its_prefix_and_26_characters() -> None:
    text = ids.encode(ids.UPLOAD, uuid.UUID(int=0))
    assert text == "up_" + "0" * 26
    assert ids.decode(ids.UPLOAD, text.lower()) == uuid.UUID(int=0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "job",
        "job_",
        "job_0",
        "up_" + "0" * 26,
        "job_" + "0" * 25,
        "job_" + "0" * 27,
        "job_8" + "0" * 25,  # 131 bits
        "job_" + "U" * 26,  # no letter of the alphabet
        "job_" + "ı" * 26,
        "job_" + "ß" * 26,  # twice as long in upper case
        "job_" + "٠" * 26,  # a digit, but not ours
        "../" + "0" * 27,
        str(uuid.UUID(int=0)),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ids.InvalidId):
        ids.decode(ids.JOB, text)
