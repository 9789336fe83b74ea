"""Rows 7 and 8 of the fault matrix: the database is away, and a web process dies between commit and publish."""

import resource
import sqlite3
import threading

import pytest
from support.bodies import KINDS, body, data_uri, picture
from support.platform import TENANTS, Platform
from support.waiting import until

LOCKED_S = 10.0


@pytest.mark.row(7)
@pytest.mark.only_on("sqlite")
def test_a_locked_sqlite_refuses_loudly_and_loses_nothing(platform: Platform) -> None:
    client = platform.client()
    for name in platform.group_names:
        platform.twin(name).faults(delay_s=1.0)
    jobs = [client.submit(body(KINDS[n % 3], 600 + n)) for n in range(6)]
    until(lambda: platform.running() >= 3, what="jobs run")
    lock = sqlite3.connect(platform.sqlite_file, timeout=30, isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    try:
        refused = client.post(body("chat", 620), "while-locked")
        threading.Event().wait(LOCKED_S)  # the fault itself: attempts end meanwhile and cannot be written
    finally:
        lock.execute("ROLLBACK")
        lock.close()
    assert refused is not None
    assert refused.status_code == 503
    assert refused.headers["Retry-After"]
    assert {client.wait(job)["status"] for job in jobs} == {"succeeded"}
    again = client.post(body("chat", 620), "while-locked")
    assert again is not None
    assert again.status_code == 202, "the refused request was not silently accepted"
    assert client.wait(again.json()["id"])["status"] == "succeeded"


@pytest.mark.row(7)
@pytest.mark.only_on("postgres")
def test_a_restarted_postgresql_loses_nothing(platform: Platform) -> None:
    assert platform.postgres is not None
    client = platform.client()
    for name in platform.group_names:
        platform.twin(name).faults(delay_s=1.0)
    jobs = [client.submit(body(KINDS[n % 3], 640 + n)) for n in range(6)]
    until(lambda: platform.running() >= 3, what="jobs run")
    platform.postgres.restart()
    jobs.append(client.submit(body("gui", 650)))
    assert {client.wait(job)["status"] for job in jobs} == {"succeeded"}


@pytest.mark.row(7)
@pytest.mark.only_on("sqlite")
def test_a_full_disk_refuses_loudly_and_heals(platform: Platform) -> None:
    """A limit on the size of files makes every write of the web process fail, as a full disk does."""
    client = platform.client()
    pid = platform.children["web"].pid
    assert pid is not None
    usual = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, usual[1]))
    try:
        refused = [client.post(body(kind, 655), f"full-{kind}") for kind in KINDS]
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, usual)
    assert [answer.status_code for answer in refused if answer] == [503] * 3
    jobs = [client.submit(body(kind, 655)) for kind in KINDS]
    assert {client.wait(job)["status"] for job in jobs} == {"succeeded"}


_DIE_AFTER_COMMIT = """
import base64, os, sys
import django
django.setup()
from sightline.jobs import wakeups
from sightline.jobs.models import Job
from sightline.jobs.services.submit import Submission, submit
from sightline.tenants.models import Tenant

def die(**_):
    print(Job.objects.latest("id").public_id, flush=True)
    os.kill(os.getpid(), 9)

wakeups.publish = die
submit(submission=Submission(
    tenant=Tenant.objects.get(name=sys.argv[1]), api_key=None, kind="chat", model="default",
    input={"messages": [{"role": "user", "content": "What is lost?"}]}, params={}, images=[], cost=1,
    max_attempts=3, retention_s=3600,
))
"""


@pytest.mark.row(8)
def test_a_web_process_killed_between_commit_and_publish_is_healed(platform: Platform) -> None:
    client = platform.client()
    job = platform.python(_DIE_AFTER_COMMIT, TENANTS[0], expect=-9).strip()
    assert client.wait(job)["status"] == "succeeded"


def test_pausing_a_kind_survives_restarts_of_everything_else(platform: Platform) -> None:
    client = platform.client()
    platform.pause("ocr")
    waiting = client.submit(body("ocr", 660))
    assert client.wait(client.submit(body("gui", 661)))["status"] == "succeeded"
    platform.children["web"].kill()
    platform.children["sweeper"].kill()
    platform.redis.kill()
    platform.redis.start()
    platform.start_web()
    platform.start_sweeper()
    until(platform.web_answers, what="the web server is back")
    assert client.wait(client.submit(body("chat", 662)))["status"] == "succeeded"
    found = client.read(waiting)
    assert found is not None
    assert (found["status"], found["attempt"]) == ("queued", 0)
    platform.resume("ocr")
    assert client.wait(waiting)["status"] == "succeeded"


@pytest.mark.row(16)
def test_keys_and_other_tenants_jobs(platform: Platform) -> None:
    """Row 16 from outside; the unit and integration suites have the details."""
    mine, other = platform.client(TENANTS[0]), platform.client(TENANTS[1])
    job = mine.submit(body("chat", 670))
    other.trespass(job)
    assert other.http.post(f"/api/v1/jobs/{job}/cancel").status_code == 404
    for key in ("", "Bearer sl_forged", "Basic abc"):
        assert mine.http.get(f"/api/v1/jobs/{job}", headers={"Authorization": key}).status_code == 401
    assert mine.http.get("/metrics").status_code in (401, 403)
    assert mine.wait(job)["status"] == "succeeded"


@pytest.mark.row(14)
@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b'{"kind": ', 400),
        (b"[" * 100_000, 400),
        (b'{"kind": "chat", "input": {"prompt": NaN}}', 400),
        (b'{"kind": "chat", "input": {"prompt": "nul \\u0000"}}', 400),
        (
            b'{"kind": "chat", "input": {"prompt": "x", "images": [{"data": "data:image/png;base64,AAAA"}]}}',
            415,
        ),
        (b'{"a": "' + b"x" * (65 * 2**20) + b'"}', 413),
    ],
    ids=["cut", "deep", "nan", "nul", "no-image", "large"],
)
def test_malformed_requests_are_refused_by_name(platform: Platform, content: bytes, status: int) -> None:
    """Row 14 from outside."""
    client = platform.client()
    answer = client.http.post("/api/v1/jobs", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code in (status, 422 if status == 415 else status), answer.text
    assert answer.json()["code"]


@pytest.mark.row(15)
def test_names_of_uploads_are_never_paths(platform: Platform) -> None:
    """Row 15: media are stored under their digest, whatever they are called."""
    client = platform.client()
    answer = client.http.post(
        "/api/v1/uploads", files={"file": ("../../../escape.png", picture(680), "image/png")}
    )
    assert answer.status_code in (201, 422), answer.text
    asked = {"kind": "ocr", "input": {"images": [{"data": data_uri(picture(681))}], "mode": "text"}}
    assert client.wait(client.submit(asked))["status"] == "succeeded"
    assert not list(platform.home.parent.glob("escape.png"))
    stored = [path for path in (platform.home / "media").rglob("*") if path.is_file()]
    assert stored
    assert not [path for path in stored if "escape" in path.name]
