"""What tests of the native API say often: a key that speaks, an image, a worker's part, and how a refusal looks."""

import base64
import io
import json
from typing import Any

from django.test import Client
from jsonschema import Draft202012Validator
from PIL import Image

from sightline.api import openapi
from sightline.jobs.claims import Claimant, Result
from sightline.jobs.services.claim import claim
from sightline.jobs.services.finish import finish
from sightline.tenants import keys

JOBS = "/api/v1/jobs"
CHAT = {"kind": "chat", "input": {"prompt": "hello"}}


class Api:
    """One key of one tenant."""

    def __init__(self, tenant: str = "t", **rights: Any) -> None:
        self.key, text = keys.create(tenant=tenant, name="k", **rights)
        self.headers = {"authorization": f"Bearer {text}"}
        self.client = Client(headers=self.headers, raise_request_exception=False)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.client.post(path, json.dumps(body), content_type="application/json", headers=headers)

    def submit(self, **change: Any) -> dict[str, Any]:
        answer = self.post(JOBS, {**CHAT, **change})
        assert answer.status_code == 202, answer.content
        found: dict[str, Any] = answer.json()
        return found


def png(colour: str = "white", size: tuple[int, int] = (64, 48)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


def data_uri(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


def file(data: bytes, name: str = "a.png") -> io.BytesIO:
    handle = io.BytesIO(data)
    handle.name = name
    return handle


def claimed(queue: str = "chat.default") -> Any:
    return claim(queue=queue, claimant=Claimant(worker="w#1", group="", engine="e"))


def finished(queue: str = "chat.default") -> None:
    usage = {"input_tokens": 1, "image_tokens": 0, "output_tokens": 2}
    result = Result(
        output={"text": "x"}, complete=True, finish_reason="stop", usage=usage, timings={"total": 5.0}
    )
    assert finish(claim=claimed(queue), result=result)


def fits(schema: str, value: Any) -> None:
    components = json.loads(json.dumps(openapi.document()["components"]))
    Draft202012Validator({"$ref": f"#/components/schemas/{schema}", "components": components}).validate(value)


def problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.content
    assert answer["Content-Type"] == "application/problem+json"
    fits("ProblemView", answer.json())
    found: dict[str, Any] = answer.json()
    return found
