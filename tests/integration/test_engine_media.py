"""Images go to an engine once; afterwards by name, for as long as it holds them."""

import io
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image
from support.domain import GPU0, OCR, Domain
from support.twin import Twin

from sightline.fleet.models import Intake
from sightline.jobs.models import Job
from sightline.kinds.images import media as bound
from sightline.media import services as media
from sightline.tenants.models import Tenant
from sightline_workers.attempt import Runner
from sightline_workers.engine_media import Held
from sightline_workers.engines.openai_http import OpenAIEngine
from sightline_workers.engines.twin.options import TwinOptions
from sightline_workers.engines.twin.process import TwinProcess
from sightline_workers.leases import Leases
from sightline_workers.membership import Membership


def _png(colour: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (96, 64), colour).save(buffer, "PNG")
    return buffer.getvalue()


def _runner(engine: OpenAIEngine) -> Runner:
    member = Membership(
        group=GPU0,
        kind="ocr",
        tag="default",
        seats=4,
        most_seats=4,
        engine_url=engine.base_url,
        served_model="default",
        max_concurrency=4,
        tests_suspects=True,
    )
    return Runner(member=member, engine=engine, leases=Leases("test"), budget=None)


def _submit(domain: Domain, *images: bytes, tenant: Tenant | None = None, **params: Any) -> Job:
    owner = tenant or domain.tenant()
    stored = [media.stored_image(media.ingest(tenant=owner, data=data)) for data in images]
    given = {"mode": "text", "images": [bound(image) for image in stored], "fields": None}
    return domain.submit(tenant=owner, input=given, params=params)


def _run(runner: Runner, job: Job) -> Job:
    assert runner.run_next(queue=OCR, celery_task_id="") is not None
    job.refresh_from_db()
    return job


@pytest.fixture
def twin() -> Iterator[TwinProcess]:
    with TwinProcess(TwinOptions()) as process:
        yield process


@pytest.fixture
def engine(twin: TwinProcess) -> Iterator[OpenAIEngine]:
    client = OpenAIEngine(twin.url, max_concurrency=4)
    yield client
    client.close()


def _sent(twin: TwinProcess) -> list[int]:
    """Bytes of the bodies that arrived, in order."""
    return [entry["body_bytes"] for entry in Twin(twin.url).requests()]


def test_an_image_is_sent_once_and_then_named(
    domain: Domain, twin: TwinProcess, engine: OpenAIEngine
) -> None:
    domain.group(Intake.OPEN)
    runner = _runner(engine)
    first, again = (_run(runner, _submit(domain, _png("navy"))) for _ in range(2))
    assert (first.status, again.status) == ("succeeded", "succeeded")
    assert first.output == again.output
    whole, named = _sent(twin)
    assert named < whole


def test_an_engine_that_was_restarted_gets_the_image_again_at_no_try(
    domain: Domain, twin: TwinProcess, engine: OpenAIEngine
) -> None:
    domain.group(Intake.OPEN)
    runner = _runner(engine)
    before = _run(runner, _submit(domain, _png("navy")))
    with TwinProcess(TwinOptions()) as restarted:
        other = OpenAIEngine(restarted.url, max_concurrency=4)
        runner._engine = other
        after = _run(runner, _submit(domain, _png("navy")))
        assert (after.status, after.tries, after.run, after.output) == ("succeeded", 0, 1, before.output)
        assert Twin(restarted.url).stats()["refused"] == {"400": 1}, "asked by name once, then with the image"
        assert _run(runner, _submit(domain, _png("navy"))).status == "succeeded"
        assert Twin(restarted.url).stats()["refused"] == {"400": 1}, "and by name again afterwards"
        other.close()


def test_a_name_is_good_for_one_tenant_and_one_pixel_budget(
    domain: Domain, twin: TwinProcess, engine: OpenAIEngine
) -> None:
    domain.group(Intake.OPEN)
    runner = _runner(engine)
    jobs = (
        _submit(domain, _png("navy")),
        _submit(domain, _png("navy"), tenant=domain.tenant("other")),
        _submit(domain, _png("navy"), pixels={"max": 2048}),
    )
    assert {_run(runner, job).status for job in jobs} == {"succeeded"}
    sizes = _sent(twin)
    assert min(sizes) > max(sizes) / 2, "each of them carried the image"


def test_an_image_that_was_erased_is_not_shown_again(
    domain: Domain, twin: TwinProcess, engine: OpenAIEngine
) -> None:
    domain.group(Intake.OPEN)
    runner = _runner(engine)
    _run(runner, _submit(domain, _png("navy")))
    job = _submit(domain, _png("navy"))
    found = media.by_sha256(tenant_id=job.tenant_id, digests=[job.input["images"][0]["media"]["sha256"]])
    for row in found.values():
        media.erase(media=row)
    assert (_run(runner, job).error or {})["code"] == "media_missing"
    assert len(_sent(twin)) == 1


def test_what_was_not_used_for_longest_is_forgotten_beyond_the_bound() -> None:
    held = Held(most_pixels=300)
    held.keep({"a": 100, "b": 100, "c": 100})
    assert held.among(["a"]) == {"a"}
    held.keep({"d": 100})
    assert held.among("abcd") == {"a", "c", "d"}
    held.forget({"a"})
    held.keep({"c": 150})
    assert held.among("abcd") == {"c", "d"}
