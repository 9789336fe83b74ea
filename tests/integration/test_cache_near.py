"""Answers to nearly the same request, and what keeps them from being wrong."""

import io
import json
from typing import Any

import pytest
from PIL import Image
from support import hard_pairs
from support.api import Api
from support.bodies import data_uri

from sightline.cache.values import Picture, Wanted
from sightline.fleet.models import Group, Intake
from sightline.jobs.models import Job
from sightline.jobs.services.erase import erase
from sightline.jobs.status import AttemptOutcome, Status
from sightline.kinds.images import media as bound
from sightline.media import services as media
from sightline.near import checks, shadows, switch
from sightline.near.models import Check, Entry, PictureHash
from sightline.near.verdict import Verdict
from sightline.telemetry import exposition
from sightline.tenants.models import Tenant

REVISION = "r" * 12
GPU0 = "gpu0@host"
FORM = hard_pairs.drawn(seed=5, count=1)[0]
CHANGES = tuple(FORM.changes)


@pytest.fixture
def fleet(domain: Any, settings: Any) -> Any:
    """The domain with a group that serves the revision of the keys; every hit is checked."""
    from sightline.cache import revisions

    revisions.forget()
    switch.forget()
    settings.NEAR_SAMPLE = 1.0
    domain.group(Intake.OPEN)
    Group.objects.update(revision=REVISION)
    return domain


def _ask(
    fleet: Any,
    *files: bytes,
    prompt: str = "read",
    mode: str = "near",
    tenant: Tenant | None = None,
    **more: Any,
) -> Job:
    owner = tenant or fleet.tenant()
    rows = [media.ingest(tenant=owner, data=data) for data in files]
    pixels = "".join(row.pixel_sha256[:8] for row in rows)
    wanted = Wanted(
        key=f"{REVISION}.{owner.name}-{prompt}-{pixels}"[:56],
        prompt_key=f"{REVISION}.{owner.name}-{prompt}-{len(rows)}",
        scope=f"tenant:{owner.pk.hex}",
        kind="ocr",
        model="default",
        mode=mode,
        ttl_s=more.pop("ttl_s", 3600),
        pictures=tuple(
            Picture(pixel_sha256=row.pixel_sha256, width=row.stored_width, height=row.stored_height)
            for row in rows
        ),
        media=tuple(row.pk for row in rows),
    )
    given = {"mode": "text", "images": [bound(media.stored_image(row)) for row in rows], "fields": None}
    job: Job = fleet.submit(
        tenant=owner,
        input=given,
        images=[row.pixel_sha256 for row in rows],
        cache=wanted,
        cache_mode=mode,
        **more,
    )
    return job


def _answered(fleet: Any, job: Job, text: str = "INVOICE") -> Job:
    taken = fleet.claimed(group=GPU0)
    assert taken.job_id == job.pk
    assert fleet.finish(taken, text)
    job.refresh_from_db()
    return job


def _original() -> bytes:
    return hard_pairs.png(FORM.picture())


def _copy(quality: int = 85) -> bytes:
    return hard_pairs.jpeg(quality)(FORM.picture())


def test_a_re_encoded_picture_gets_the_answer(fleet: Any) -> None:
    first = _answered(fleet, _ask(fleet, _original()))
    again = _ask(fleet, _copy())
    again.refresh_from_db()
    assert (again.status, again.served_from, again.output) == (Status.SUCCEEDED, "near", first.output)
    assert again.source == first.pk
    assert again.source_ended_at == first.ended_at
    assert again.run == 0


@pytest.mark.parametrize("change", CHANGES)
def test_another_value_in_the_form_does_not(fleet: Any, change: str) -> None:
    _answered(fleet, _ask(fleet, _original()))
    assert _ask(fleet, hard_pairs.jpeg(85)(FORM.picture(change))).status == Status.QUEUED


@pytest.mark.parametrize(
    "other",
    [{"prompt": "summarise"}, {"mode": "exact"}],
    ids=["another prompt", "not asked for"],
)
def test_nor_does_another_request(fleet: Any, other: dict[str, Any]) -> None:
    _answered(fleet, _ask(fleet, _original()))
    assert _ask(fleet, _copy(), **other).status == Status.QUEUED


def test_nor_another_tenant(fleet: Any) -> None:
    _answered(fleet, _ask(fleet, _original()))
    assert _ask(fleet, _copy(), tenant=fleet.tenant("other")).status == Status.QUEUED


def test_nor_a_picture_of_another_size(fleet: Any) -> None:
    _answered(fleet, _ask(fleet, _original()))
    picture = FORM.picture()
    assert _ask(fleet, hard_pairs.png(picture.resize((640, 360)))).status == Status.QUEUED


def test_all_pages_must_show_the_same_in_the_same_order(fleet: Any) -> None:
    second = hard_pairs.png(FORM.picture(CHANGES[0]))
    _answered(fleet, _ask(fleet, _original(), second))
    copies = [_copy(), hard_pairs.jpeg(85)(FORM.picture(CHANGES[0]))]
    assert _ask(fleet, *copies).status == Status.SUCCEEDED
    assert _ask(fleet, *reversed(copies)).status == Status.QUEUED
    assert _ask(fleet, copies[0], copies[0]).status == Status.QUEUED


def test_the_right_one_is_found_among_pages_of_one_form(fleet: Any) -> None:
    first = _answered(fleet, _ask(fleet, _original()))
    for number in range(12):  # more than one crowded part gives, and all of them newer
        values = {**FORM.values, "number": f"B-{number:06}", "total": f"{number}417.00"}
        _answered(fleet, _ask(fleet, hard_pairs.png(FORM.draw(values))), f"number {number}")
    again = _ask(fleet, _copy())
    assert (again.status, again.source) == (Status.SUCCEEDED, first.pk)


def test_an_answer_that_is_too_old_or_erased_or_failed_is_not_given(fleet: Any) -> None:
    from sightline.clock import After

    first = _answered(fleet, _ask(fleet, _original()))
    Job.objects.filter(pk=first.pk).update(ended_at=After(-100))
    assert _ask(fleet, _copy(), ttl_s=50).status == Status.QUEUED
    assert _ask(fleet, _copy(84), ttl_s=500).status == Status.SUCCEEDED
    erase(job=Job.objects.get(pk=first.pk), actor="test")
    assert _ask(fleet, _copy(83), ttl_s=500).status == Status.QUEUED
    assert not Entry.objects.filter(job=first.pk).exists(), "what was erased is not even indexed"


def test_a_failed_job_answers_nobody(fleet: Any) -> None:
    job = _ask(fleet, _original())
    taken = fleet.claimed(group=GPU0)
    assert taken.job_id == job.pk
    fleet.fail(taken, AttemptOutcome.PERMANENT)
    assert _ask(fleet, _copy()).status == Status.QUEUED


def test_a_picture_is_hashed_once(fleet: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from sightline.media import hashes

    counted: list[Image.Image] = []
    real = hashes.regions
    monkeypatch.setattr(hashes, "regions", lambda image: counted.append(image) or real(image))
    for prompt in ("one", "two", "three"):
        _ask(fleet, _original(), prompt=prompt)
    assert len(counted) == PictureHash.objects.count() == 1


def test_a_tiny_picture_is_looked_up_by_its_own_pixels_alone(fleet: Any) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (20, 8), "white").save(buffer, "PNG")
    _answered(fleet, _ask(fleet, buffer.getvalue()))
    again = io.BytesIO()
    Image.new("RGB", (20, 8), (254, 254, 254)).save(again, "PNG")
    assert _ask(fleet, again.getvalue()).status == Status.QUEUED


def test_a_file_that_is_gone_costs_a_hit_and_no_request(fleet: Any) -> None:
    from sightline.media import storage
    from sightline.media.models import Media

    first = _answered(fleet, _ask(fleet, _original()))
    storage.delete(Media.objects.get(pk=Entry.objects.get(job=first).media[0]).file)
    assert _ask(fleet, _copy()).status == Status.QUEUED


# --- checks --------------------------------------------------------------------------------------------------------


def _hit(fleet: Any) -> Job:
    _answered(fleet, _ask(fleet, _original()))
    return _ask(fleet, _copy())


def _shadow() -> Job:
    return Job.objects.get(pk=Check.objects.get().shadow)


def test_a_hit_is_answered_once_more_in_the_lowest_seats(fleet: Any) -> None:
    hit = _hit(fleet)
    assert shadows.launch() == 1
    shadow = _shadow()
    assert (shadow.shadow, shadow.queue, shadow.cache_mode, shadow.announced) == (
        True,
        "ocr.default",
        "",
        False,
    )
    assert (shadow.input, shadow.params, shadow.max_attempts) == (hit.input, hit.params, 1)
    _answered(fleet, shadow)
    assert shadows.settle() == 1
    assert Check.objects.get().verdict == Verdict.SAME
    assert not Job.objects.filter(shadow=True).exists(), "nobody has to look at it"
    state = switch.of(kind="ocr", model="default")
    assert (state.checked, state.false, state.on) == (1, 0, True)


def test_a_shadow_never_delays_a_job_that_waits(fleet: Any) -> None:
    _hit(fleet)
    waiting = _ask(fleet, _original(), prompt="other")
    assert shadows.launch() == 0
    _answered(fleet, waiting)
    assert shadows.launch() == 1
    assert shadows.launch() == 0, "one at a time"


def test_a_false_hit_switches_off_until_an_operator_says_otherwise(fleet: Any) -> None:
    _hit(fleet)
    shadows.launch()
    _answered(fleet, _shadow(), "RECEIPT")
    shadows.settle()
    assert Check.objects.get().verdict == Verdict.DIFFERENT
    assert Job.objects.filter(shadow=True).exists(), "an operator may look at it"
    state = switch.of(kind="ocr", model="default")
    assert (state.on, state.checked, state.false, state.off_by) == (False, 1, 1, "")
    _answered(fleet, _ask(fleet, _original(), prompt="new"))
    assert _ask(fleet, _copy(), prompt="new").status == Status.QUEUED

    state = switch.turn(kind="ocr", model="default", serve=True, actor="operator")
    assert (state.on, state.checked, state.upper) == (True, 0, 1.0)
    assert _ask(fleet, _copy(70), prompt="new").status == Status.SUCCEEDED
    assert _ask(fleet, _copy(70)).status == Status.QUEUED, (
        "the answer that was wrong is given to nobody any more"
    )


def test_one_false_hit_among_many_checks_is_within_the_budget(fleet: Any, settings: Any) -> None:
    settings.NEAR_BUDGET = 0.5
    hit = _hit(fleet)
    check = Check.objects.get()
    shadows.launch()
    _answered(fleet, _shadow(), "RECEIPT")
    for _ in range(2):
        Check.objects.create(
            tenant=hit.tenant,
            kind=check.kind,
            model=check.model,
            job=hit,
            source=check.source,
            verdict=Verdict.SAME,
            created_at=check.created_at,
            ended_at=check.created_at,
        )
    shadows.settle()
    assert switch.of(kind="ocr", model="default").on


def test_a_check_of_an_erased_job_is_void(fleet: Any) -> None:
    hit = _hit(fleet)
    erase(job=hit, actor="test")
    assert shadows.launch() == 0
    assert Check.objects.get().verdict == Verdict.VOID


def test_a_shadow_that_fails_says_nothing_about_the_hit(fleet: Any) -> None:
    _hit(fleet)
    shadows.launch()
    taken = fleet.claimed(group=GPU0)
    fleet.fail(taken, AttemptOutcome.PERMANENT)
    shadows.settle()
    assert Check.objects.get().verdict == Verdict.VOID
    assert switch.of(kind="ocr", model="default").on


def test_only_a_sample_is_checked(fleet: Any, settings: Any) -> None:
    hit = _hit(fleet)
    Check.objects.all().delete()
    settings.NEAR_SAMPLE = 0.0
    assert not any(checks.draw(job=hit, source=hit.pk) for _ in range(50))
    settings.NEAR_SAMPLE = 0.5
    drawn = sum(checks.draw(job=hit, source=hit.pk) for _ in range(200))
    assert 50 < drawn < 150
    assert Check.objects.count() == drawn


def test_an_operator_can_switch_it_off(fleet: Any) -> None:
    _answered(fleet, _ask(fleet, _original()))
    state = switch.turn(kind="ocr", model="default", serve=False, actor="ops")
    assert (state.on, state.off_by) == (False, "ops")
    assert _ask(fleet, _copy()).status == Status.QUEUED


# --- what an operator sees -----------------------------------------------------------------------------------------

NEAR = "/api/v1/near-cache/ocr"


def test_the_rate_of_false_hits_and_its_bound_are_shown_and_can_be_reset(fleet: Any) -> None:
    api = Api(scopes=["admin"])
    assert api.client.get(NEAR).json()["false_rate"] is None
    _hit(fleet)
    shadows.launch()
    _answered(fleet, _shadow(), "RECEIPT")
    shadows.settle()
    shown = api.client.get(NEAR).json()
    assert (shown["serving"], shown["checked"], shown["false"], shown["false_rate"]) == (False, 1, 1, 1.0)
    assert (shown["off_by"], shown["false_rate_upper"]) == (None, 1.0)
    page = exposition.text().decode()
    assert 'sightline_near_serving{kind="ocr",tag="default"} 0.0' in page
    assert 'sightline_near_false_rate_upper{kind="ocr",tag="default"} 1.0' in page
    reset = api.client.patch(NEAR, json.dumps({"serving": True}), content_type="application/json")
    assert (reset.status_code, reset.json()["serving"], reset.json()["checked"]) == (200, True, 0)


def test_only_an_operator_may(fleet: Any) -> None:
    assert Api().client.get(NEAR).status_code == 403
    assert Api("u", scopes=["admin"]).client.get("/api/v1/near-cache/video").status_code == 404


def test_a_shadow_is_nobody_s_job(fleet: Any) -> None:
    hit = _hit(fleet)
    shadows.launch()
    api = Api(fleet.tenant().name)
    listed = [job["id"] for job in api.client.get("/api/v1/jobs").json()["data"]]
    assert hit.public_id in listed
    assert _shadow().public_id not in listed
    assert api.client.get(f"/api/v1/jobs/{_shadow().public_id}").status_code == 404


def test_over_the_api_a_copy_is_answered_at_once(fleet: Any) -> None:
    api = Api()

    def ask(data: bytes) -> Any:
        given = {"images": [{"data": data_uri(data)}], "mode": "text"}
        return api.post("/api/v1/jobs", {"kind": "ocr", "input": given, "cache": {"mode": "near"}})

    first = ask(_original())
    assert first.status_code == 202
    assert fleet.finish(fleet.claimed(group=GPU0), "INVOICE")
    again = ask(_copy())
    assert (again.status_code, again.json()["served_from"]) == (200, "near")
    assert again.json()["output"] == {"text": "INVOICE"}
    assert ask(hard_pairs.jpeg(85)(FORM.picture(CHANGES[0]))).status_code == 202
