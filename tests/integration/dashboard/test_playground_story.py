"""Trying a model out and replaying a job, in a real browser on the running platform with the simulated engine."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from support.accessibility import findings
from support.platform import Platform
from support.waiting import until

from sightline.client import Client
from sightline_dashboard.screenshots import CHROMIUM, FLAGS, Site, sign_in
from sightline_dashboard.seeding import pictures

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600), pytest.mark.only_on("sqlite")]

PATIENCE_MS = 60_000
_STAFF = """
import django
django.setup()
from django.contrib.auth.models import Group, User
from django.core.management import call_command
call_command("collectstatic", interactive=False, verbosity=0)
User.objects.create_superuser("operator", password="password")
viewer = User.objects.create_user("viewer", password="password", is_staff=True)
viewer.groups.add(Group.objects.get(name="viewer"))
"""
SHOT = {"name": "window.png", "mimeType": "image/png", "buffer": pictures.window().png}


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    # Slow enough that a person, and a browser, sees a text grow.
    with Platform(groups=1, twin_options=("profile=published", "speed=0.2"), lease_s=30.0) as running:
        running.python(_STAFF)
        # The web process read which static files there are when it started.
        running.children["web"].stop(60)
        running.start_web()
        running.wait_ready()
        yield running


@pytest.fixture
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield found
        found.close()


def signed_in(browser: Browser, platform: Platform, complaints: list[str], user: str = "operator") -> Page:
    """A page of that person's own; what it complains about is collected."""
    context = browser.new_context(viewport={"width": 1440, "height": 1000}, base_url=platform.url)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened = context.new_page()
    opened.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    sign_in(opened, Site(url=platform.url, user=user, password="password"))
    return opened


@pytest.fixture
def complaints() -> Iterator[list[str]]:
    """Whatever a page complains about fails the test, unless the test takes it out."""
    found: list[str] = []
    yield found
    assert found == []


@pytest.fixture
def page(browser: Browser, platform: Platform, complaints: list[str]) -> Page:
    return signed_in(browser, platform, complaints)


def jobs(platform: Platform) -> list[dict[str, Any]]:
    """What the playground has run, the newest first."""
    return platform.rows(
        "SELECT job.* FROM jobs_job job JOIN tenants_tenant tenant ON tenant.id = job.tenant_id"
        " WHERE tenant.name = ? ORDER BY job.id DESC",
        "playground",
    )


def test_a_screenshot_is_run_by_keyboard_and_its_click_is_drawn(platform: Platform, page: Page) -> None:
    page.goto("/admin/")
    page.get_by_role("link", name="Playground").click()
    page.locator("#pg-file").set_input_files([SHOT])
    expect(page.locator("#pg-images canvas")).to_have_count(1)
    page.get_by_label("What is to be done").fill("Save the file")
    page.keyboard.press("Control+Enter")
    # The text is there while the job still runs.
    expect(page.locator("#pg-stream pre")).to_contain_text("tool_call")
    expect(page.locator("#gui-marker")).to_be_visible()
    expect(page.locator("#pg-status")).to_contain_text("Succeeded after")
    expect(page.locator("[data-stage=first]")).to_contain_text("after")
    expect(page.locator("#pg-recent li").first).to_contain_text("Save the file")
    (row,) = jobs(platform)
    assert json.loads(row["metadata"]) == {"operator": "operator"}
    assert row["api_key_id"] is None
    assert (row["status"], row["kind"], row["cache_mode"]) == ("succeeded", "gui", "")

    assert findings(page) == []

    # Copied, it works for whoever has a key: nothing of this session is in it.
    page.get_by_role("button", name="Copy as curl").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    curl = page.evaluate("navigator.clipboard.readText()")
    assert "--form-string 'instruction=Save the file'" in curl
    assert "-F image=@image-1.png" in curl
    assert "$SIGHTLINE_KEY" in curl

    # The address is the run: opened again it shows form and result, and runs on the image that is kept.
    page.goto(page.url)
    expect(page.locator("#gui-marker")).to_be_visible()
    expect(page.get_by_label("What is to be done")).to_have_value("Save the file")
    page.get_by_label("What is to be done").fill("Cancel it")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#pg-recent li").first).to_contain_text("Cancel it")
    assert len(jobs(platform)) == 2


def test_a_page_is_pasted_and_its_lines_are_linked_with_their_boxes(platform: Platform, page: Page) -> None:
    page.goto("/admin/jobs/job/playground/")
    page.get_by_text("Read a page").click()
    page.get_by_label("Read as").select_option("boxes")
    page.evaluate(
        """bytes => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], "image.png", {type: "image/png"}));
            document.dispatchEvent(new ClipboardEvent("paste", {clipboardData: data, bubbles: true}));
        }""",
        list(pictures.invoice().png),
    )
    expect(page.locator("#pg-images canvas")).to_have_count(1)
    page.get_by_role("button", name="Run").click()
    line = page.locator(".sl-lines a").first
    line.focus()
    expect(page.locator("svg .sl-marked")).to_have_count(1)


def test_what_is_wrong_is_said_beside_its_field_and_nothing_runs(
    platform: Platform, page: Page, complaints: list[str]
) -> None:
    before = len(jobs(platform))
    page.goto("/admin/jobs/job/playground/")
    page.get_by_role("button", name="Run").click()
    expect(page.locator("[data-error=instruction]")).to_have_text("Say what is to be done.")
    page.get_by_label("What is to be done").fill("Save")
    expect(page.locator("[data-error=instruction]")).to_be_hidden()
    page.keyboard.press("Control+Enter")
    expect(page.locator("[data-error=image]")).to_contain_text("Add a screenshot")
    page.locator("#pg-file").set_input_files([SHOT])
    expect(page.locator("[data-error=image]")).to_be_hidden()
    page.get_by_text("Sampling and pixels").click()
    page.get_by_label("Temperature").fill("9")
    page.get_by_label("Most pixels").fill("many")
    page.keyboard.press("Control+Enter")
    expect(page.locator("[data-error=temperature]")).to_have_text("Input should be less than or equal to 2.")
    expect(page.locator("[data-error=pixels_max]")).not_to_be_empty()
    expect(page.get_by_label("Temperature")).to_be_focused()
    page.locator("#pg-file").set_input_files(
        [{"name": "a.png", "mimeType": "image/png", "buffer": b"no picture"}]
    )
    page.get_by_label("Temperature").fill("0")
    page.get_by_label("Most pixels").fill("")
    page.keyboard.press("Control+Enter")
    expect(page.locator("[data-error=image]")).not_to_be_empty()
    assert len(jobs(platform)) == before
    # The browser itself notes answers of 4xx.
    complaints[:] = [said for said in complaints if "the server responded with a status of 4" not in said]


def test_a_run_that_waits_shows_its_place_and_is_cancelled(platform: Platform, page: Page) -> None:
    platform.pause("chat")
    try:
        page.goto("/admin/jobs/job/playground/")
        page.get_by_text("Ask a question").click()
        page.get_by_label("Your question").fill("Which day is the busiest?")
        page.get_by_role("button", name="Run").click()
        expect(page.locator("[data-stage=queued]")).to_contain_text("number 1")
        # Another page with the address of the run follows it as well.
        expect(page).to_have_url(f"{platform.url}/admin/jobs/job/playground/?run={_public(platform)}")
        page.reload()
        expect(page.locator("[data-stage=queued]")).to_contain_text("number 1")
        page.get_by_role("button", name="Cancel").click()
        expect(page.locator("#pg-status")).to_contain_text("Cancelled")
        expect(page.get_by_role("button", name="Run")).to_be_enabled()
    finally:
        platform.resume("chat")
    assert jobs(platform)[0]["status"] == "cancelled"


def _public(platform: Platform) -> str:
    import uuid

    from sightline import ids

    return ids.encode(ids.JOB, uuid.UUID(jobs(platform)[0]["id"]))


def test_a_viewer_sees_a_shared_run_and_starts_none(
    platform: Platform, browser: Browser, page: Page, complaints: list[str]
) -> None:
    page.goto("/admin/jobs/job/playground/")
    page.locator("#pg-file").set_input_files([SHOT])
    page.get_by_label("What is to be done").fill("Look at this")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#gui-marker")).to_be_visible()
    shared = page.url
    viewer = signed_in(browser, platform, complaints, user="viewer")
    viewer.goto(shared)
    expect(viewer.locator("#gui-marker")).to_be_visible()
    expect(viewer.get_by_text("You may look at runs, but not start any.")).to_be_visible()
    expect(viewer.get_by_role("button", name="Run")).to_be_disabled()
    # What people sent is blurred for them.
    sizes = [
        opened.locator(".sl-canvas img").evaluate(
            "image => new Promise(done => image.complete ? done(image.naturalWidth)"
            " : image.addEventListener('load', () => done(image.naturalWidth)))"
        )
        for opened in (page, viewer)
    ]
    assert sizes == [pictures.window().width, 640]


def test_a_job_is_replayed_and_the_pair_is_shown_as_soon_as_it_has_ended(
    platform: Platform, page: Page
) -> None:
    with Client(url=platform.url, key=platform.keys["amber"], patience_s=120) as client:
        job = client.run("gui", {"instruction": "Save the file"}, images=[pictures.window().png])
    page.goto(f"/admin/jobs/job/{job.id}/change/")
    platform.pause("gui")
    try:
        page.get_by_role("link", name="Replay…").click()
        page.get_by_label("Temperature").fill("0.5")
        page.get_by_role("button", name="Replay and compare").click()
        expect(page.get_by_text("Not both have ended yet.")).to_be_visible()
        expect(page.get_by_role("cell", name="0.5")).to_be_visible()
    finally:
        platform.resume("gui")
    expect(page.locator("#marker-B")).to_be_visible()
    expect(page.locator("#marker-A")).to_be_visible()
    expect(page.locator(".sl-figures")).to_contain_text("Click distance0 px")
    until(
        lambda: not page.get_by_text("Not both have ended yet.").is_visible(), what="the page says it ended"
    )
    rows = platform.rows("SELECT * FROM jobs_job WHERE replay_of = ?", platform.key_of(job.id))
    assert [row["status"] for row in rows] == ["succeeded"]
