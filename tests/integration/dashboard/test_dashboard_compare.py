"""Replaying a job in the admin, and two jobs side by side."""

import re
import uuid
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from sightline.audit.models import Entry
from sightline.events.stream import SPAN
from sightline.jobs.models import Job
from sightline.jobs.status import Status
from sightline.media.models import Media
from sightline.responses.models import Response
from sightline.tenants.models import Tenant
from sightline_dashboard.seeding import stories
from sightline_dashboard.seeding.seed import UNPARSEABLE
from sightline_dashboard.seeding.writing import Fate

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_url")]

MOST_QUERIES = 15
QUEUED = Fate(status=Status.QUEUED)


def address(name: str, *jobs: Job, **more: Any) -> str:
    return reverse(f"admin:jobs_job_{name}", args=[*(job.public_id for job in jobs), *more.values()])


def text(answer: Any) -> str:
    shown: str = answer.content.decode()
    return re.sub(r"\s+", " ", shown)


def test_an_answer_from_the_cache_has_no_tokens_to_compare(stage: Any, operator: Client) -> None:
    first, second = stage.job(stories.boxes()), stage.job(stories.boxes(), dice=2)
    nothing = {"input_tokens": 0, "image_tokens": 0, "output_tokens": 0}
    Job.objects.filter(pk=second.pk).update(served_from="cache", usage=nothing, timings=None)
    shown = text(operator.get(address("compare", first, second)))
    assert "Tokens out" in shown
    assert "→ 0<" not in shown
    assert "-100 %" not in shown
    Job.objects.update(served_from="cache", usage=nothing, timings=None)
    assert "Tokens out" not in text(operator.get(address("compare", first, second)))


# --- replaying ------------------------------------------------------------------------------------------------------


def test_a_replay_is_a_new_job_of_the_same_tenant_with_what_the_form_says(
    stage: Any, operator: Client
) -> None:
    job = stage.job(stories.boxes_of_fewer_pixels())
    form = text(operator.get(address("replay", job)))
    assert 'name="pixels_max" value="262144"' in form
    answer = operator.post(
        address("replay", job), {"model": "default", "pixels_max": "1310720", "temperature": "0.4"}
    )
    made = Job.objects.get(replay_of=job.pk)
    assert answer["Location"] == address("compare", job, made)
    assert (made.tenant_id, made.api_key, made.input) == (job.tenant_id, None, job.input)
    assert made.params == {"pixels": {"max": 1_310_720}, "temperature": 0.4}
    assert made.status == Status.QUEUED
    entry = Entry.objects.get(action="job.replay")
    assert (entry.actor, entry.subject, entry.after["job"]) == (
        "admin:operator",
        job.public_id,
        made.public_id,
    )


def test_an_empty_field_takes_the_default_again(stage: Any, operator: Client) -> None:
    job = stage.job(stories.boxes_of_fewer_pixels())
    operator.post(address("replay", job), {"model": "default"})
    assert Job.objects.get(replay_of=job.pk).params == {}


def test_what_is_wrong_with_a_replay_stands_beside_its_field(stage: Any, operator: Client) -> None:
    job = stage.job(stories.click())
    given = {"model": "default", "temperature": "9", "pixels_min": "5000", "pixels_max": "2000", "top_k": "x"}
    refused = operator.post(address("replay", job), given)
    assert refused.status_code == 422
    assert re.search(r'id="id_top_k_error"[^>]*>Enter a whole number', text(refused))
    del given["top_k"]
    shown = text(operator.post(address("replay", job), given))
    assert re.search(r'id="id_temperature_error"[^>]*>Input should be less than or equal to 2', shown)
    assert re.search(r'id="id_pixels_max_error"[^>]*>Min must not exceed max', shown)
    assert not Job.objects.filter(replay_of=job.pk).exists()
    assert not Entry.objects.filter(action="job.replay").exists()


def test_a_replay_whose_image_is_gone_says_so(stage: Any, operator: Client) -> None:
    job = stage.job(stories.click())
    Media.objects.all().delete()
    assert "An image of this job is not kept any more." in text(
        operator.post(address("replay", job), {"model": "default"})
    )


def test_a_replay_counts_for_the_tenants_quotas(stage: Any, operator: Client) -> None:
    job = stage.job(stories.click())
    Tenant.objects.filter(pk=job.tenant_id).update(quotas={"gui": {"per_minute": 1}})
    assert operator.post(address("replay", job), {"model": "default"}).status_code == 302
    refused = operator.post(address("replay", job), {"model": "default"})
    assert refused.status_code == 422
    assert 'role="alert"' in text(refused)
    assert Job.objects.filter(replay_of=job.pk).count() == 1


def test_a_form_sent_twice_is_one_replay_and_changed_another(stage: Any, operator: Client) -> None:
    job = stage.job(stories.click())
    shown = re.search(r'name="shown" value="([^"]+)"', text(operator.get(address("replay", job))))
    assert shown is not None
    given = {"model": "default", "temperature": "0.4", "shown": shown[1]}
    first, second = (operator.post(address("replay", job), given)["Location"] for _ in range(2))
    assert first == second
    assert Job.objects.filter(replay_of=job.pk).count() == 1
    assert Entry.objects.filter(action="job.replay").count() == 1
    third = operator.post(address("replay", job), {**given, "temperature": "0.6"})["Location"]
    assert third != first


def test_only_who_may_operate_replays(stage: Any) -> None:
    job = stage.job(stories.click())
    viewer = stage.browser_of("viewer", "view_job")
    assert "Replay…" not in text(viewer.get(address("change", job)))
    assert viewer.get(address("replay", job)).status_code == 403
    assert viewer.post(address("replay", job), {"model": "default"}).status_code == 403
    worker = stage.browser_of("worker", "view_job", "change_job")
    assert "Replay…" in text(worker.get(address("change", job)))
    assert worker.post(address("replay", job), {"model": "default"}).status_code == 302
    assert Job.objects.filter(replay_of=job.pk).count() == 1
    assert Client().get(address("replay", job))["Location"].startswith("/admin/login/")


# --- side by side ---------------------------------------------------------------------------------------------------


def test_two_clicks_are_drawn_on_one_screenshot_with_their_distance(
    stage: Any, operator: Client, django_assert_max_num_queries: Any
) -> None:
    first = stage.job(stories.click())
    second = stage.job(stories.click_beside(), dice=2, replay_of=first)
    with django_assert_max_num_queries(MOST_QUERIES):
        shown = text(operator.get(address("compare", first, second)))
    assert shown.count('alt="The screenshot that both were given"') == 1
    assert 'id="marker-A"' in shown
    assert 'id="marker-B"' in shown
    save, cancel = (stories.click().picture.parts[name] for name in ("Save", "Cancel"))
    distance = (save[0] + save[2] - cancel[0] - cancel[2]) / 2
    found = re.search(r"Click distance</dt><dd class=\"([^\"]+)\">(\d+) px", shown)
    assert found is not None
    assert abs(int(found[2]) - distance) <= 2
    assert "sl-figure-bad" in found[1]
    assert "params.temperature" in shown
    assert "replay of A" in shown


def test_boxes_of_both_are_matched_on_one_page_and_the_misread_digit_is_marked(
    stage: Any, operator: Client
) -> None:
    first = stage.job(stories.boxes())
    second = stage.job(stories.boxes_of_fewer_pixels(), dice=2, replay_of=first)
    shown = text(operator.get(address("compare", first, second)))
    assert "7 boxes match, 1 stand alone" in shown
    assert shown.count('class="sl-boxed sl-boxed-A"') == 8
    assert shown.count('class="sl-boxed sl-boxed-B"') == 7
    assert re.search(r'<del class="sl-less">(?:(?!</del>).)*1065', shown)
    assert re.search(r'<ins class="sl-more-text">(?:(?!</ins>).)*1085', shown)


def test_answers_of_a_chat_stand_beside_each_other(stage: Any, operator: Client) -> None:
    first, second = stage.job(stories.chat()), stage.job(stories.chat_again(), dice=2)
    shown = text(operator.get(address("compare", first, second)))
    assert "by far" in shown
    assert 'aria-label="Answer of A"' in shown
    assert "params.seed" in shown


@pytest.mark.parametrize("story", [stories.kie, stories.html, stories.markdown, stories.plain_text])
def test_every_form_of_a_page_is_compared(stage: Any, operator: Client, story: Any) -> None:
    first, second = stage.job(story()), stage.job(story(), dice=2)
    answer = operator.get(address("compare", first, second))
    assert answer.status_code == 200
    assert "Page 1" in text(answer)


def test_text_of_a_model_is_escaped_in_a_difference(stage: Any, operator: Client) -> None:
    hostile = "<script>alert(1)</script>"
    told = stories.chat()
    first = stage.job(told)
    second = stage.job(replace(told, reply=replace(told.reply, text=hostile)), dice=2)
    shown = text(operator.get(address("compare", first, second)))
    assert hostile not in shown
    assert "&lt;script&gt;alert(1)" in shown


def test_a_pair_that_has_not_ended_follows_the_events_of_the_one_that_runs(
    stage: Any, operator: Client
) -> None:
    first, second = stage.job(stories.click()), stage.job(stories.click(), QUEUED, dice=2)
    shown = text(operator.get(address("compare", first, second)))
    assert "Not both have ended yet." in shown
    events = f"{address('events', second)}?starting_after={SPAN}"
    assert f'data-follow="{events}"' in shown
    assert f'data-follow="{address("events", first)}' not in shown


def test_jobs_of_two_kinds_are_not_compared(stage: Any, operator: Client) -> None:
    first, second = stage.job(stories.click()), stage.job(stories.chat(), dice=2)
    answer = operator.get(address("compare", first, second), follow=True)
    assert "gui and chat jobs have nothing to compare." in text(answer)


def test_only_who_sees_jobs_compares_them(stage: Any) -> None:
    first, second = stage.job(stories.click()), stage.job(stories.click_beside(), dice=2)
    assert stage.browser_of("nobody").get(address("compare", first, second)).status_code == 403
    viewer = stage.browser_of("viewer", "view_job")
    shown = text(viewer.get(address("compare", first, second)))
    assert "Replay A again" not in shown
    # The screenshot goes through the view that blurs it for them.
    assert f'src="{address("image", first, index=0)}"' in shown


# --- events ---------------------------------------------------------------------------------------------------------


def test_who_may_see_a_job_may_follow_it(stage: Any) -> None:
    job = stage.job(stories.click(), QUEUED)
    viewer = stage.browser_of("viewer", "view_job")
    answer = viewer.get(address("events", job))
    assert answer.status_code == 200
    assert answer["X-Sightline-Stream"] == f"job;{job.pk};0"
    assert viewer.get(address("events", job), {"starting_after": "x"}).status_code == 422
    assert stage.browser_of("nobody").get(address("events", job)).status_code == 403
    assert Client().get(address("events", job)).status_code == 302


def test_an_ended_job_has_no_more_events_for_who_knows_all(stage: Any, operator: Client) -> None:
    job = stage.job(stories.click())
    last = job.events.count() * SPAN
    assert operator.get(address("events", job), headers={"last-event-id": str(last)}).status_code == 204
    assert operator.get(address("events", job)).status_code == 200


# --- related --------------------------------------------------------------------------------------------------------


def test_the_page_of_a_job_names_its_replays_and_a_replay_its_original(stage: Any, operator: Client) -> None:
    first = stage.job(stories.click())
    second = stage.job(stories.click_beside(), dice=2, replay_of=first)
    shown = text(operator.get(address("change", first)))
    assert "Its replays" in shown
    assert address("compare", first, second) in shown
    shown = text(operator.get(address("change", second)))
    assert "Replay of" in shown
    assert "Compare with its original" in shown
    assert "With the same image" in shown


def test_the_page_of_a_job_names_the_others_of_its_session(stage: Any, operator: Client) -> None:
    session = uuid.uuid4()
    first, second, other = (stage.job(stories.chat(), dice=dice) for dice in (1, 2, 3))
    Job.objects.filter(pk__in=[first.pk, second.pk]).update(session=session, session_version=1)
    Media.objects.all().delete()  # an image in common is another reason to be named
    shown = text(operator.get(address("change", first)))
    assert "Of the same session" in shown
    assert second.public_id in shown
    assert other.public_id not in shown


def test_the_page_of_a_response_names_the_one_before_and_the_one_after(stage: Any, operator: Client) -> None:
    jobs = [stage.job(stories.chat(), dice=dice) for dice in (1, 2, 3)]
    for job, previous in zip(jobs, [None, *jobs], strict=False):
        Response.objects.create(job=job, previous=previous.pk if previous else None)
    Media.objects.all().delete()
    shown = text(operator.get(address("change", jobs[1])))
    assert "Of the same session" in shown
    assert jobs[0].public_id in shown
    assert jobs[2].public_id in shown


def test_the_page_of_a_failed_job_names_those_that_failed_alike(
    stage: Any, operator: Client, django_assert_max_num_queries: Any
) -> None:
    fate = Fate(status=Status.FAILED, troubles=(UNPARSEABLE,))
    first, second = stage.job(stories.click(), fate), stage.job(stories.click(), fate, dice=2)
    fine = stage.job(stories.chat(), dice=3)
    with django_assert_max_num_queries(MOST_QUERIES):
        shown = text(operator.get(address("change", first)))
    assert "Failed alike" in shown
    assert second.public_id in shown
    assert fine.public_id not in shown
    worker = stage.browser_of("worker", "view_job", "change_job")
    with django_assert_max_num_queries(MOST_QUERIES):
        worker.get(address("change", first))
