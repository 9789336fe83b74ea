"""What is wrong with a job request is told by name, all of it at once."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict

from sightline.api.native.form import read_form
from sightline.api.native.request import ValidationProblem, read_request

IMAGE = {"data": "data:image/png;base64,iVBORw0KGgo="}


def chat(**more: Any) -> dict[str, Any]:
    return {"kind": "chat", "input": {"prompt": "x"}, **more}


def refused(body: Any) -> ValidationProblem:
    with pytest.raises(ValidationProblem) as refusal:
        read_request(body)
    return refusal.value


def test_a_good_request_is_read() -> None:
    request, inputs, params = read_request(
        {
            "kind": "ocr",
            "input": {"images": [IMAGE]},
            "params": {"max_tokens": 5},
            "tags": ["a"],
            "max_attempts": 20,
        }
    )
    assert request.kind == "ocr"
    assert len(inputs.images) == 1  # type: ignore[attr-defined]
    assert params.model_dump(exclude_unset=True) == {"max_tokens": 5}


@pytest.mark.parametrize("name", ["session_id", "sessions", "nonsense"])
def test_fields_that_are_not_served_are_refused_by_name(name: str) -> None:
    problem = refused(chat(**{name: {"mode": "exact"}}))
    assert problem.code == "unknown_field"
    assert problem.errors[0].pointer == f"/{name}"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"kind": "nope"}, "/kind"),
        ({"kind": 5}, "/kind"),
        ({"input": None}, "/input"),
        ({"input": {"prompt": ""}}, "/input/prompt"),
        ({"params": {"temperature": 3}}, "/params/temperature"),
        ({"params": []}, "/params"),
        ({"deadline_ms": 0}, "/deadline_ms"),
        ({"deadline_ms": True}, "/deadline_ms"),
        ({"deadline_ms": 1.5}, "/deadline_ms"),
        ({"deadline_ms": 10**30}, "/deadline_ms"),
        ({"max_attempts": 21}, "/max_attempts"),
        ({"retention_s": 1}, "/retention_s"),
        ({"tags": ["x"] * 21}, "/tags"),
        ({"tags": [1]}, "/tags/0"),
        ({"tags": ["a" * 65]}, "/tags/0"),
        ({"metadata": {"a": {"b": 1}}}, "/metadata/a"),
        ({"metadata": {"a": 10**30}}, "/metadata/a"),
        ({"metadata": {"k" * 65: 1}}, "/metadata/" + "k" * 65),
    ],
)
def test_bad_values_are_pointed_at(change: dict[str, Any], pointer: str) -> None:
    problem = refused(chat(**change))
    assert pointer in {error.pointer for error in problem.errors}
    assert problem.code == "invalid_input"


def test_several_errors_are_all_listed() -> None:
    problem = refused({"kind": "chat", "input": {"prompt": 1}, "params": {"nope": 1}, "deadline_ms": -1})
    assert {error.pointer for error in problem.errors} >= {"/input/prompt", "/params/nope", "/deadline_ms"}
    assert problem.code == "invalid_input"


def test_too_many_images_has_its_own_code() -> None:
    assert refused({"kind": "ocr", "input": {"images": [IMAGE] * 101}}).code == "too_many_images"


def test_slashes_and_tildes_in_names_are_escaped() -> None:
    assert refused(chat(**{"a/b~c": 1})).errors[0].pointer == "/a~1b~0c"


def form(pairs: list[tuple[str, str]], files: int = 0) -> Any:
    fields = QueryDict(mutable=True)
    for name, value in pairs:
        fields.appendlist(name, value)
    uploads = [SimpleUploadedFile(f"{n}.png", b"x") for n in range(files)]
    body, _ = read_form(fields, MultiValueDict({"image": uploads} if files else {}))
    return body


def test_a_flat_form_is_sorted_into_envelope_input_and_params() -> None:
    body = form(
        [("kind", "ocr"), ("mode", "kie"), ("fields", '["total"]'), ("max_tokens", "7"), ("tags", "a")], 2
    )
    assert body == {
        "kind": "ocr",
        "params": {"max_tokens": 7},
        "input": {
            "mode": "kie",
            "fields": ["total"],
            "images": [{"upload_id": "file-0"}, {"upload_id": "file-1"}],
        },
        "tags": ["a"],
    }


def test_digits_in_text_fields_stay_text() -> None:
    assert form([("kind", "chat"), ("prompt", "42")])["input"] == {"prompt": "42"}


def test_the_field_job_holds_the_whole_request() -> None:
    body = form([("job", '{"kind": "gui", "input": {"instruction": "x"}}')], 1)
    assert body["input"] == {"instruction": "x", "images": [{"upload_id": "file-0"}]}


def test_an_unknown_form_field_is_refused_by_name() -> None:
    problem = refused(form([("kind", "chat"), ("prompt", "x"), ("session", "s"), ("nope", "1")]))
    assert {error.pointer for error in problem.errors} == {"/session", "/nope"}
