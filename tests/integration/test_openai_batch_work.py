"""How the lines of a batch become jobs: once each, whatever is killed, and without more memory for more lines."""

import io
import json
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from support.waiting import until

from sightline.api.openai.batch_lines import Lines
from sightline.audit.models import Entry
from sightline.batches import lines as raw_lines
from sightline.batches.models import Batch, BatchStatus, File, Line, LineState, Purpose
from sightline.batches.services import files, retention, settle, work
from sightline.batches.services.cancel import cancel
from sightline.batches.services.create import create
from sightline.batches.services.results import pages
from sightline.cache import revisions
from sightline.cache.keys import REVISION_LENGTH
from sightline.clock import After
from sightline.fleet.models import Intake
from sightline.jobs import admission
from sightline.jobs.models import Job, JobEvent
from sightline.jobs.services import submit_many as bulk
from sightline.jobs.services.erase import erase
from sightline.jobs.status import Status
from sightline.tenants import keys
from sightline.tenants.models import ApiKey

CHAT = "/v1/chat/completions"


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture(autouse=True)
def _files(settings: Any, tmp_path: Any) -> None:
    settings.STORAGES = {
        **settings.STORAGES,
        "files": {**settings.STORAGES["files"], "OPTIONS": {"location": str(tmp_path / "files")}},
    }


@pytest.fixture
def key(domain: Any) -> ApiKey:
    domain.tenant()
    return keys.create(tenant="acme", name="tests")[0]


def request(number: int, **more: Any) -> str:
    messages = [{"role": "user", "content": f"Number {number}"}]
    body = {"model": "default", "messages": messages, **more}
    return json.dumps({"custom_id": f"r-{number}", "method": "POST", "url": CHAT, "body": body})


def made(key: ApiKey, texts: list[str], **more: Any) -> Batch:
    data = "\n".join(texts).encode()
    file = files.keep(
        tenant=key.tenant,
        purpose=Purpose.BATCH,
        source=io.BytesIO(data),
        size=len(data),
        filename="requests.jsonl",
    )
    values: dict[str, Any] = {
        "endpoint": CHAT,
        "completion_window": "24h",
        "window_s": 86_400,
        "seats": "ocr",
        "metadata": {},
        "results_kept_s": 86_400,
    }
    return create(api_key=key, file=file, **{**values, **more})


def worked(*, times: int = 1) -> None:
    """Whatever is due, as a worker that starts now finds it."""
    Batch.objects.filter(due_at__isnull=False).update(due_at=After())
    for _ in range(times):
        work.work_next(surface=Lines())


def jobs_of(batch: Batch) -> list[Job]:
    ids = list(Line.objects.filter(batch=batch).order_by("number").values_list("job_id", flat=True))
    found = Job.objects.in_bulk([pk for pk in ids if pk is not None])
    return [found[pk] for pk in ids if pk is not None]


def texts(batch: Batch, state: LineState = LineState.COMPLETED, skip: int = 0) -> list[dict[str, Any]]:
    content = b"".join(pages(batch=batch, state=state, surface=Lines(), skip=skip))
    return [json.loads(line) for line in content.splitlines()]


def said(domain: Any, taken: Any) -> None:
    """End a claimed chat job with an answer."""
    from sightline.jobs.claims import Result
    from sightline.jobs.services.finish import finish
    from sightline.kinds.chat.completion import completion
    from sightline.kinds.contract import Reply

    result = Result(
        output=completion(Reply(text="Hello.", finish="stop"), finish="stop"),
        complete=True,
        finish_reason="stop",
        usage={"input_tokens": 1, "image_tokens": 0, "output_tokens": 1},
        timings={"total": 1.0},
    )
    assert finish(claim=taken, result=result)


def test_lines_take_the_turns_that_single_jobs_would(domain: Any, key: ApiKey) -> None:
    first = domain.submit(kind="chat", seats="ocr")
    batch = made(key, [request(number) for number in range(5)])
    worked()
    turns = [job.turn for job in jobs_of(batch)]
    steps = {later - earlier for earlier, later in zip([first.turn, *turns], turns, strict=False)}
    assert steps == {turns[1] - turns[0]}
    assert {job.queue for job in jobs_of(batch)} == {"ocr.default"}
    assert JobEvent.objects.filter(job_id__in=[job.pk for job in jobs_of(batch)]).count() == 5
    assert domain.submit(kind="chat", seats="ocr").turn > max(turns)


@pytest.mark.parametrize("place", ["submit", "lines", "marks", "told"])
def test_a_worker_that_is_killed_anywhere_loses_and_repeats_no_line(
    domain: Any, key: ApiKey, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setattr(work, "LINES", 4)
    batch = made(key, [request(number) for number in range(10)])
    left = {"submit": 2, "lines": 2, "marks": 2, "told": 2}

    def dying(verb: Any, mark: str) -> Any:
        def call(*args: Any, **more: Any) -> Any:
            left[mark] -= 1
            if mark == place and left[mark] == 0:
                raise Killed
            return verb(*args, **more)

        return call

    with monkeypatch.context() as patch:
        patch.setattr(work, "submit_many", dying(work.submit_many, "submit"))
        patch.setattr(work, "_line", dying(work._line, "lines"))
        patch.setattr(Batch, "save", dying(Batch.save, "marks"))
        patch.setattr(bulk, "_wake", dying(bulk._wake, "told"))
        with pytest.raises(Killed):
            worked()
    worked()
    batch.refresh_from_db()
    assert (batch.status, batch.total, batch.expanded) == (BatchStatus.IN_PROGRESS, 10, 10)
    names = Counter(Line.objects.filter(batch=batch).values_list("custom_id", flat=True))
    assert names == Counter(f"r-{number}" for number in range(10))
    asked = Counter(job.input["messages"][0]["content"] for job in Job.objects.all())
    assert asked == Counter(f"Number {number}" for number in range(10))


def test_a_worker_whose_lease_passed_writes_nothing(
    domain: Any, key: ApiKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = made(key, [request(number) for number in range(4)])
    admit = work._admit

    def slow(*args: Any) -> Any:
        found = admit(*args)
        monkeypatch.setattr(work, "_admit", admit)
        worked()  # somebody else takes it over and brings it to its end
        return found

    monkeypatch.setattr(work, "_admit", slow)
    worked()
    assert Line.objects.filter(batch=batch).count() == Job.objects.count() == 4


def test_a_refused_line_is_the_last_of_its_step_and_the_first_of_the_next(
    domain: Any, key: ApiKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "_retry_after_s", lambda state, queue: 0.0)
    key.tenant.max_queued = 3
    key.tenant.save()
    batch = made(key, [request(number) for number in range(8)])
    worked()
    batch.refresh_from_db()
    assert batch.due_at is not None
    assert 1 <= batch.expanded <= 3
    while (taken := domain.claim("ocr.default")) is not None:
        said(domain, taken)

    def ended() -> bool:
        worked()
        while (taken := domain.claim("ocr.default")) is not None:
            said(domain, taken)
        settle.settle_all()
        batch.refresh_from_db()
        return batch.status == BatchStatus.COMPLETED

    until(ended, what="the batch ends, once the counter of its quota is made anew", within_s=60)
    batch.refresh_from_db()
    assert (batch.status, batch.completed) == (BatchStatus.COMPLETED, 8)


def test_endings_are_noticed_once_and_in_order(domain: Any, key: ApiKey) -> None:
    batch = made(key, [request(number) for number in range(6)])
    worked()
    claims = [domain.claimed("ocr.default") for _ in range(6)]
    for taken in reversed(claims[3:]):
        said(domain, taken)
    assert settle.settle_all() == 3
    assert settle.settle_all() == 0
    early = texts(batch)
    for taken in claims[:3]:
        said(domain, taken)
    assert settle.settle_all() == 3
    late = texts(batch)
    assert late[:3] == early
    assert [line["custom_id"] for line in late] == ["r-3", "r-4", "r-5", "r-0", "r-1", "r-2"]
    assert texts(batch, skip=4) == late[4:]
    worked()
    batch.refresh_from_db()
    assert (batch.status, batch.completed, batch.failed) == (BatchStatus.COMPLETED, 6, 0)
    file = File.objects.get(pk=batch.output_file)
    assert file.bytes == len(b"".join(pages(batch=batch, state=LineState.COMPLETED, surface=Lines())))


def test_an_erased_job_leaves_its_line_without_its_answer(domain: Any, key: ApiKey) -> None:
    batch = made(key, [request(0)])
    worked()
    said(domain, domain.claimed("ocr.default"))
    settle.settle_all()
    erase(job=jobs_of(batch)[0], actor="tests")
    (line,) = texts(batch)
    assert line["custom_id"] == "r-0"
    assert "Hello" not in json.dumps(line)
    assert line["response"]["status_code"] >= 400


def test_a_cancelled_batch_cancels_its_jobs_and_makes_no_more(
    domain: Any, key: ApiKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "LINES", 4)
    monkeypatch.setattr(work, "CANCELS", 3)
    batch = made(key, [request(number) for number in range(20)])
    stops = iter([False, False, True])
    work.work_next(surface=Lines(), stopping=lambda: next(stops))
    batch.refresh_from_db()
    assert batch.expanded == 8
    said(domain, domain.claimed("ocr.default"))
    cancel(batch=batch, actor="tests")
    worked()
    settle.settle_all()
    worked()
    batch.refresh_from_db()
    assert (batch.status, batch.completed, batch.failed) == (BatchStatus.CANCELLED, 1, 19)
    record = Entry.objects.exclude(action="key.create").values_list("action", "subject", "actor")
    assert list(record) == [("batch.cancel", batch.public_id, "tests")], "one act, not one a job"
    assert Job.objects.count() == 8
    assert Job.objects.filter(status=Status.CANCELLED).count() == 7
    errors = texts(batch, LineState.FAILED)
    assert {line["error"]["code"] for line in errors} == {"batch_cancelled"}
    assert len({line["custom_id"] for line in errors}) == 19


def test_a_batch_whose_window_closed_makes_no_more_jobs(domain: Any, key: ApiKey) -> None:
    batch = made(key, [request(0), "no JSON"])
    Batch.objects.update(expires_at=After(-1))
    worked(times=2)
    batch.refresh_from_db()
    assert (batch.status, batch.failed, Job.objects.count()) == (BatchStatus.EXPIRED, 2, 0)
    assert [line["error"]["code"] for line in texts(batch, LineState.FAILED)] == ["batch_expired"] * 2


def test_a_bug_costs_its_line_and_not_the_batch(
    domain: Any, key: ApiKey, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    batch = made(key, [request(0), request(1, user="trouble"), request(2)])
    read = Lines.read

    def faulty(self: Lines, *, batch: Batch, raw: bytes) -> Any:
        if b"trouble" in raw:
            raise RuntimeError("a bug")
        return read(self, batch=batch, raw=raw)

    monkeypatch.setattr(Lines, "read", faulty)
    worked()
    assert [job.input["messages"][0]["content"] for job in jobs_of(batch)] == ["Number 0", "Number 2"]
    (line,) = texts(batch, LineState.FAILED)
    assert (line["custom_id"], line["error"]["code"]) == ("r-1", "internal_error")
    assert "batch_line_error" in caplog.text


def test_identical_lines_that_ask_the_cache_are_answered_once(domain: Any, key: ApiKey) -> None:
    group = domain.group(Intake.OPEN)
    type(group).objects.update(revision="r" * REVISION_LENGTH)
    revisions.forget()
    wants: dict[str, Any] = {"temperature": 0, "seed": 1, "sightline": {"cache": {"mode": "exact"}}}
    same = [json.dumps({**json.loads(request(0, **wants)), "custom_id": f"same-{n}"}) for n in range(3)]
    batch = made(key, [*same, request(1)])
    worked()
    first, *others = jobs_of(batch)[:3]
    assert [job.source for job in others] == [first.pk, first.pk]
    said(domain, domain.claimed("ocr.default", group=group.id))
    again = made(key, same[:1])
    worked()
    (hit,) = jobs_of(again)
    assert (hit.status, hit.served_from) == (Status.SUCCEEDED, "cache")
    settle.settle_all()
    assert {line["custom_id"] for line in texts(batch)} >= {"same-0", "same-1", "same-2"}


def test_a_file_that_is_gone_fails_the_batch(domain: Any, key: ApiKey) -> None:
    batch = made(key, [request(0)])
    File.objects.all().delete()
    worked()
    batch.refresh_from_db()
    assert (batch.status, batch.errors[0]["code"]) == (BatchStatus.FAILED, "input_file_gone")


def test_a_key_without_a_kind_does_not_get_round_it_in_a_batch(domain: Any) -> None:
    key = keys.create(tenant="acme", name="tests", kinds=("ocr",))[0]
    batch = made(key, [request(0)])
    worked()
    (line,) = texts(batch, LineState.FAILED)
    assert (line["response"]["status_code"], line["response"]["body"]["error"]["code"]) == (
        403,
        "kind_forbidden",
    )


def test_files_and_batches_end_with_their_retention(domain: Any, key: ApiKey) -> None:
    batch = made(key, [request(0)])
    worked()
    File.objects.update(expires_at=After(-1))
    Batch.objects.update(status=BatchStatus.COMPLETED, ended_at=After(-settings.FILE_RETENTION_S - 1))
    while retention.apply_retention():
        pass
    assert not File.objects.exists()
    assert not Batch.objects.filter(pk=batch.pk).exists()
    assert not Line.objects.exists()


def test_a_file_that_is_still_read_is_kept(domain: Any, key: ApiKey) -> None:
    made(key, [request(0)])
    File.objects.update(expires_at=After(-1))
    retention.apply_retention()
    assert File.objects.count() == 1


def test_results_of_many_lines_take_no_more_memory_than_a_page(domain: Any, key: ApiKey) -> None:
    long = "a long answer " * 200
    batch = made(key, [request(number) for number in range(1200)])
    worked()
    output = {"choices": [{"index": 0, "message": {"role": "assistant", "content": long}}]}
    Job.objects.update(status=Status.SUCCEEDED, output=output, ended_at=After())
    while settle.settle_all():
        pass

    def peak(made: Iterator[bytes], most: int) -> tuple[int, int]:
        tracemalloc.start()
        try:
            size = sum(len(page) for page, _ in zip(made, range(most), strict=False))
            return size, tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    few, small = peak(pages(batch=batch, state=LineState.COMPLETED, surface=Lines()), 2)
    all_of_it, large = peak(pages(batch=batch, state=LineState.COMPLETED, surface=Lines()), 100)
    assert all_of_it >= 6 * few
    assert large < 2 * small


@pytest.mark.parametrize("cut", range(0, 40, 3))
def test_a_file_is_read_on_from_any_line(cut: int) -> None:
    text = b'\xef\xbb\xbf{"a":1}\r\n\n  \n{"b":2}\n' + b"x" * 50 + b"\n{}\n" + b"last"
    whole = list(raw_lines.read(io.BytesIO(text), offset=0, number=0, longest=20))
    assert [(line.number, line.text) for line in whole] == [
        (1, b'{"a":1}'),
        (4, b'{"b":2}'),
        (5, None),
        (6, b"{}"),
        (7, b"last"),
    ]
    done = whole[: cut % (len(whole) + 1)]
    offset, number = (done[-1].end, done[-1].number) if done else (0, 0)
    rest = list(raw_lines.read(io.BytesIO(text), offset=offset, number=number, longest=20))
    assert done + rest == whole
