"""The OpenAPI document, held against the API."""

import json

import pytest
from django.test import Client
from support.api import Api

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_url")]


def test_the_document_is_valid_and_every_path_answers(api: Api) -> None:
    from openapi_spec_validator import validate

    answer = Client().get("/api/v1/openapi.json")
    document = json.loads(answer.content)
    validate(document)
    assert document["openapi"] == "3.1.0"
    job = api.submit()["id"]
    for path, operations in document["paths"].items():
        for method in operations:
            here = path.format(
                public_id=job,
                index=0,
                number=1,
                kind="ocr",
                model="default",
                group_id="gpu0@host",
                completion_id="chatcmpl-" + job[4:],
                response_id="resp_" + job[4:],
                file_id="file-" + job[4:],
                batch_id="batch_" + job[4:],
                rule_id="rule_" + job[4:],
                channel_id="channel_" + job[4:],
            )
            status = getattr(api.client, method)(here).status_code
            declared = {int(code) for code in operations[method]["responses"]}
            assert status in declared, (method, here, status)


def test_the_document_begins_with_jobs_and_every_operation_has_its_place() -> None:
    document = json.loads(Client().get("/api/v1/openapi.json").content)
    described = [tag["name"] for tag in document["tags"]]
    used = {
        tag
        for operations in document["paths"].values()
        for operation in operations.values()
        for tag in operation["tags"]
    }
    assert described[0] == "jobs"
    assert set(described) == used


def test_the_page_of_the_document_names_no_other_host() -> None:
    page = Client().get("/api/v1/docs")
    assert page.status_code == 200
    assert b"http" not in page.content.replace(b"http-equiv", b"")
    assert "script-src 'self'" in page["Content-Security-Policy"]
    assert Client().get("/api/v1/docs.js").status_code == 200
