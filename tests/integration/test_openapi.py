"""The OpenAPI document against the running platform: nobody sees another tenant's, and no request breaks it."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.api import data_uri, png
from support.platform import OPERATOR, TENANTS, Platform
from support.waiting import until

SECRET = "the-secret-of-amber"
FUZZER = Path(sys.executable).parent / "schemathesis"
SHARED = {
    "/api/v1/alert-channels/{channel_id}",
    "/api/v1/alert-rules/{rule_id}",
    "/api/v1/alert-rules/{rule_id}/mute",
    "/api/v1/alert-rules/{rule_id}/test",
    "/api/v1/groups/{group_id}",
    "/api/v1/near-cache/{kind}",
    "/api/v1/queues/{kind}",
    "/v1/models/{model}",
}
"""What belongs to the platform and to no tenant."""


@pytest.fixture(scope="module")
def platform(request: pytest.FixtureRequest, database_kind: str) -> Iterator[Platform]:
    postgres = request.getfixturevalue("postgres_server") if database_kind == "postgres" else None
    with Platform(groups=1, postgres=postgres) as running:
        running._start("cpu", "cpu")
        yield running


def caller(platform: Platform, tenant: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {platform.keys[tenant]}"}
    return httpx.Client(base_url=platform.url, headers=headers, timeout=60)


def made(answer: httpx.Response) -> Any:
    assert answer.status_code in (200, 201, 202), answer.text
    return answer.json()


def possessions(amber: httpx.Client, operator: httpx.Client) -> dict[str, dict[str, str]]:
    """One thing of every sort, by the path that it is read at: the values of the path's parameters."""
    hook = made(
        amber.post("/api/v1/webhook-endpoints", json={"url": "http://hooks.example/", "description": SECRET})
    )["id"]
    body = {
        "kind": "ocr",
        "input": {"images": [{"data": data_uri(png())}]},
        "tags": [SECRET],
        "metadata": {"case": SECRET},
    }
    job = made(amber.post("/api/v1/jobs", json=body, headers={"Prefer": "wait=30"}))
    assert job["status"] == "succeeded", job
    deliveries: list[Any] = []

    def delivered() -> bool:
        deliveries[:] = amber.get(f"/api/v1/webhook-endpoints/{hook}/deliveries").json()["data"]
        return bool(deliveries)

    until(delivered, what="a delivery is made", within_s=30)
    message = {"role": "user", "content": SECRET}
    chat = made(amber.post("/v1/chat/completions", json={"model": "default", "messages": [message]}))["id"]
    response = made(amber.post("/v1/responses", json={"model": "default", "input": SECRET}))["id"]
    line = {
        "custom_id": "1",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "default", "messages": [message]},
    }
    lines = json.dumps(line).encode()
    file = made(
        amber.post("/v1/files", files={"file": (f"{SECRET}.jsonl", lines)}, data={"purpose": "batch"})
    )["id"]
    asked = {"input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    batch = made(amber.post("/v1/batches", json=asked))["id"]
    return {
        "/api/v1/batches/": {"batch_id": batch},
        "/api/v1/jobs/": {"public_id": job["id"], "index": "0"},
        "/api/v1/keys/": {"public_id": made(amber.get("/api/v1/keys/self"))["id"]},
        "/api/v1/webhook-endpoints/": {"public_id": hook},
        "/api/v1/webhook-deliveries/": {"public_id": deliveries[0]["id"]},
        "/api/v1/sessions/": {"public_id": dialogue(amber), "number": "1"},
        "/api/v1/bulk/": {"public_id": bulk_act(operator)},
        "/v1/chat/completions/": {"completion_id": chat},
        "/v1/responses/": {"response_id": response},
        "/v1/files/": {"file_id": file},
        "/v1/batches/": {"batch_id": batch},
    }


def dialogue(amber: httpx.Client) -> str:
    """A session with a history."""
    said = [{"role": "user", "content": SECRET}, {"role": "assistant", "content": SECRET}]
    body = {"kind": "chat", "system": SECRET, "metadata": {"case": SECRET}, "messages": said}
    session: str = made(amber.post("/api/v1/sessions", json=body))["id"]
    return session


def bulk_act(operator: httpx.Client) -> str:
    """A bulk act of an operator on a job that waits."""
    made(operator.patch("/api/v1/queues/gui", json={"paused": True}))
    inputs = {"instruction": "x", "images": [{"data": data_uri(png())}]}
    made(operator.post("/api/v1/jobs", json={"kind": "gui", "input": inputs}))
    bulk = {"action": "cancel", "search": "kind:gui status:queued", "reason": SECRET}
    act: str = made(operator.post("/api/v1/bulk", json=bulk))["id"]
    made(operator.patch("/api/v1/queues/gui", json={"paused": False}))
    return act


def try_every_path(
    stranger: httpx.Client, document: Any, things: dict[str, dict[str, str]], skip: str
) -> int:
    """How many operations were tried with another tenant's ids; each must show nothing of what is theirs."""
    words = [SECRET, *(value for values in things.values() for value in values.values() if len(value) > 3)]
    tried = 0
    for path, operations in document["paths"].items():
        if skip and path.startswith(skip):
            continue
        values = next((found for start, found in things.items() if path.startswith(start)), None)
        theirs = "{" in path and path not in SHARED
        assert values is not None or not theirs, f"say what stands in {path}"
        shared = {
            "group_id": "gpu0@host",
            "kind": "ocr",
            "model": "default",
            "rule_id": "x",
            "channel_id": "x",
        }
        here = path.format(**(values or {}), **shared)
        for method in operations:
            answer = stranger.request(method.upper(), here, json={} if method in ("post", "patch") else None)
            tried += 1
            assert not theirs or answer.status_code in (403, 404), (method, path, answer.text)
            refused = answer.status_code >= 400  # a refusal quotes what was asked for
            told = [word for word in words if word in answer.text and not (refused and word in here)]
            assert not told, (method, path, answer.text)
    return tried


def test_a_key_sees_nothing_of_another_tenants(platform: Platform) -> None:
    document = httpx.get(f"{platform.url}/api/v1/openapi.json", timeout=30).json()
    with caller(platform, TENANTS[0]) as amber, caller(platform, OPERATOR) as operator:
        things = possessions(amber, operator)
        with caller(platform, TENANTS[1]) as birch:
            assert try_every_path(birch, document, things, skip="") > 40
        # An operator acts on everybody's jobs in bulk, and even so reads nobody's.
        assert try_every_path(operator, document, things, skip="/api/v1/bulk") > 40
        for start, values in things.items():
            reading = [
                path for path in document["paths"] if path.startswith(start + "{") and path.endswith("}")
            ]
            for path in reading if start not in ("/api/v1/bulk/", "/api/v1/keys/") else ["/api/v1/keys/self"]:
                assert amber.get(path.format(**values)).status_code == 200, f"somebody else erased {path}"


def test_ids_of_another_tenant_in_a_body_are_unknown(platform: Platform) -> None:
    with caller(platform, TENANTS[0]) as amber, caller(platform, TENANTS[1]) as birch:
        upload = made(amber.post("/api/v1/uploads", content=png(), headers={"Content-Type": "image/png"}))[
            "id"
        ]
        body = {"kind": "ocr", "input": {"images": [{"upload_id": upload}]}}
        assert birch.post("/api/v1/jobs", json=body).status_code == 422
        first = made(amber.post("/v1/responses", json={"model": "default", "input": SECRET}))["id"]
        follow = {"model": "default", "input": "go on", "previous_response_id": first}
        assert birch.post("/v1/responses", json=follow).status_code in (400, 404)
        file = made(amber.post("/v1/files", files={"file": ("a.jsonl", b"{}")}, data={"purpose": "batch"}))[
            "id"
        ]
        batch = {"input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
        assert birch.post("/v1/batches", json=batch).status_code in (400, 404)


def fuzz(platform: Platform, tenant: str, report: Path, *more: str) -> None:
    """Run schemathesis over the document; every request it could make must be answered as documented."""
    done = subprocess.run(
        [
            FUZZER,
            "--config-file",
            str(Path(__file__).parents[1] / "schemathesis.toml"),
            "run",
            f"{platform.url}/api/v1/openapi.json",
            "--header",
            f"Authorization: Bearer {platform.keys[tenant]}",
            "--report",
            "junit",
            "--report-junit-path",
            str(report),
            *more,
        ],
        capture_output=True,
        text=True,
        timeout=280,
        cwd=report.parent,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


def test_no_request_breaks_the_document(platform: Platform, tmp_path: Path) -> None:
    """With a tenant's key over everything, and with an operator's over what only operators may do."""
    began = time.monotonic()
    fuzz(platform, TENANTS[2], tmp_path / "tenant.xml")
    fuzz(
        platform,
        OPERATOR,
        tmp_path / "operator.xml",
        "--include-path-regex",
        "/(queues|near-cache|groups|keys|bulk|alerts|alert-rules|alert-channels|metrics)",
    )
    print(f"{time.monotonic() - began:.0f} s")  # seen with -s
