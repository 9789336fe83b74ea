"""The dashboard in a real browser: what people see, and what the content security policy lets happen."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.urls import reverse
from playwright.sync_api import Page, TimeoutError, expect, sync_playwright

from sightline.jobs.status import Status
from sightline.kinds.contract import Reply
from sightline_dashboard.screenshots import CHROMIUM, FLAGS, Site, sign_in
from sightline_dashboard.seeding import stories
from sightline_dashboard.seeding.writing import Fate

ANY = re.compile("")
PATIENCE_MS = 60_000
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


SANDBOXED = "frame is sandboxed and the 'allow-scripts' permission is not set"
"""Said when a script of a model's HTML is stopped, which is what we want."""


@pytest.fixture(autouse=True)
def _rows_under_a_running_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Playwright keeps an event loop in this thread; the tests' own queries run beside it, never inside."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


@pytest.fixture
def page(live_server: Any, redis_url: str) -> Iterator[Page]:
    """A page in which the operator is signed in. Whatever the page complains about fails the test."""
    User.objects.create_superuser("operator", password="password")
    complaints: list[str] = []
    # A browser for each test: its event loop must have ended when the tables are emptied.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        opened = browser.new_page(viewport={"width": 1440, "height": 900}, base_url=live_server.url)
        opened.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        opened.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        sign_in(opened, Site(url=live_server.url, user="operator", password="password"))
        yield opened
        browser.close()
        connections.close_all()  # beside a running loop Django keeps connections of their own, which nobody else closes
    assert [said for said in complaints if SANDBOXED not in said] == []


def test_the_click_is_drawn_inside_the_button(page: Page, stage: Any) -> None:
    story = stories.click()
    job = stage.job(story)
    page.goto("/admin/jobs/job/")
    page.get_by_role("link", name=job.public_id).click()
    # It is the picture itself that is shown, not a broken link; its place is known when it is there.
    shown = page.get_by_alt_text("The screenshot that the job was given")
    expect(shown).to_have_js_property("naturalWidth", story.picture.width)
    image = shown.bounding_box()
    marker = page.locator("#gui-marker").bounding_box()
    assert image is not None
    assert marker is not None
    scale = image["width"] / story.picture.width
    x1, y1, x2, y2 = (value * scale for value in story.picture.parts["Save"])
    x = marker["x"] + marker["width"] / 2 - image["x"]
    y = marker["y"] + marker["height"] / 2 - image["y"]
    assert x1 < x < x2
    assert y1 < y < y2


def test_a_line_and_its_box_are_marked_together(page: Page, stage: Any) -> None:
    job = stage.job(stories.boxes())
    page.goto(reverse("admin:jobs_job_change", args=[job.public_id]))
    page.get_by_role("link", name="Invoice 4711").nth(1).focus()
    assert page.locator(".sl-marked").count() == 2


def test_html_of_a_model_runs_nothing(page: Page, stage: Any) -> None:
    text = "```html\n<p>Total</p><script>document.body.textContent = 'taken'</script>\n```"
    job = stage.job(replace(stories.html(), reply=Reply(text=text, finish="stop")))
    page.goto(reverse("admin:jobs_job_change", args=[job.public_id]))
    frame = page.frame_locator("iframe.sl-frame")
    assert frame.locator("p").inner_text() == "Total"
    assert "taken" not in frame.locator("body").inner_text()


def test_a_job_is_cancelled_by_keyboard(page: Page, stage: Any) -> None:
    job = stage.job(stories.click(), Fate(status=Status.QUEUED))
    page.goto(reverse("admin:jobs_job_change", args=[job.public_id]))
    page.get_by_role("button", name="Cancel").focus()
    page.keyboard.press("Enter")
    page.get_by_text("1 job cancelled.").wait_for()


def test_a_reason_is_typed_while_the_page_moves_on_and_enter_alone_does_nothing(
    page: Page, stage: Any
) -> None:
    job = stage.job(stories.click(), Fate(status=Status.QUEUED))
    page.goto(reverse("admin:jobs_job_change", args=[job.public_id]))
    reason = page.get_by_label("Reason for an act")
    reason.fill("the wrong window")
    reason.press("Enter")
    page.evaluate("document.querySelector('#live').dataset.old = 'yes'")
    page.wait_for_function(
        "!document.querySelector('#live').dataset.old"
    )  # loaded anew, as every few seconds
    expect(reason).to_have_value("the wrong window")
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("1 job cancelled.").wait_for()
    page.goto("/admin/audit/entry/")
    expect(page.get_by_role("cell", name="the wrong window")).to_be_visible()


def test_suggestions_are_chosen_by_keyboard_and_what_is_typed_stays(page: Page, stage: Any) -> None:
    job = stage.job(stories.boxes(), Fate(status=Status.FAILED))
    stage.job(stories.boxes(), dice=2)
    page.goto("/admin/jobs/job/")
    box = page.get_by_role("combobox", name="Search jobs")
    options = page.get_by_role("listbox", name="Suggestions").get_by_role("option")
    box.press_sequentially("kind:ocr sta")
    expect(options.first).to_contain_text("status:")
    expect(box).to_have_attribute("aria-expanded", "true")
    expect(box).not_to_have_attribute("aria-activedescendant", ANY)
    box.press("ArrowDown")
    expect(box).to_have_attribute("aria-activedescendant", "search-suggestion-0")
    expect(page.locator("#search-suggestion-0")).to_have_attribute("aria-selected", "true")
    expect(box).to_have_value("kind:ocr sta")
    box.press("Enter")
    expect(box).to_have_value("kind:ocr status:")
    expect(box).to_be_focused()
    expect(options.first).to_contain_text("status:")
    last = options.count() - 1
    assert last > 1
    box.press("ArrowUp")  # from nothing upwards: the last
    expect(box).to_have_attribute("aria-activedescendant", f"search-suggestion-{last}")
    box.press("ArrowDown")  # and round to the first
    expect(box).to_have_attribute("aria-activedescendant", "search-suggestion-0")
    box.press("Escape")
    expect(options).to_have_count(0)
    expect(box).to_have_attribute("aria-expanded", "false")
    expect(box).not_to_have_attribute("aria-activedescendant", ANY)
    expect(box).to_have_value("kind:ocr status:")
    box.press("ArrowDown")  # opens them again
    wanted = options.filter(has_text="status:failed")
    expect(wanted).to_have_count(1)
    place = int(str(wanted.get_attribute("id")).rpartition("-")[2])
    for _ in range(place + 1):
        box.press("ArrowDown")
    expect(wanted).to_have_attribute("aria-selected", "true")
    box.press("Enter")
    expect(box).to_have_value("kind:ocr status:failed ")
    box.press("Enter")
    page.wait_for_url("**/admin/jobs/job/?q=*")
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    expect(page.get_by_role("link", name=job.public_id)).to_be_visible()


def test_the_home_page_follows_what_happens_until_it_is_paused(page: Page, stage: Any) -> None:
    page.goto("/admin/")
    job = stage.job(stories.click(), Fate(status=Status.FAILED))
    page.get_by_role("link", name=job.public_id).wait_for()
    switch = page.get_by_role("button", name="Live")
    expect(switch).to_have_attribute("aria-pressed", "true")
    switch.focus()
    page.keyboard.press("Space")
    expect(switch).to_have_attribute("aria-pressed", "false")
    expect(page.get_by_role("status").get_by_text("Paused")).to_be_visible()
    before = page.locator("#live time").inner_text()
    changed = "was => document.querySelector('#live time').innerText !== was"
    with pytest.raises(TimeoutError):
        page.wait_for_function(changed, arg=before, timeout=5000)
    page.reload()
    expect(switch).to_have_attribute("aria-pressed", "false")  # the browser remembers
    before = page.locator("#live time").inner_text()
    page.keyboard.press(
        "Tab"
    )  # nothing is focused after a reload; the switch is reached and pressed all the same
    switch.press("Enter")
    page.wait_for_function(changed, arg=before)


def test_what_has_the_focus_keeps_it_when_the_page_moves_on(page: Page, stage: Any) -> None:
    page.goto("/admin/")
    pause = page.locator("[id='pause-ocr.default']")
    pause.focus()
    before = page.locator("#live time").inner_text()
    page.wait_for_function("was => document.querySelector('#live time').innerText !== was", arg=before)
    expect(pause).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_text("ocr.default is paused").first.wait_for()


def test_somebody_who_is_signed_out_is_told_so(page: Page) -> None:
    page.goto("/admin/")
    page.context.clear_cookies()
    expect(page.locator("#live-state")).to_contain_text("You are signed out")
