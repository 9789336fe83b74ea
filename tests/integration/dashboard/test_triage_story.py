"""An operator's morning: a thousand jobs failed for two causes, one is repaired and rerun in three clicks."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from playwright.sync_api import Page, expect, sync_playwright
from support.platform import Platform
from support.waiting import until

from sightline.client import Client
from sightline_dashboard.screenshots import CHROMIUM, FLAGS, Site, sign_in
from sightline_dashboard.seeding import pictures

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600), pytest.mark.only_on("sqlite")]

HALF = 500
PATIENCE_MS = 60_000
_STAFF = """
import django
django.setup()
from django.contrib.auth.models import User
from django.core.management import call_command
call_command("collectstatic", interactive=False, verbosity=0)
User.objects.create_superuser("operator", password="password")
"""


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    settings = {
        "SIGHTLINE_SEATS_GUI": "16",
        "SIGHTLINE_SEATS_CHAT": "16",
        "SIGHTLINE_CANARY_EVERY_S": "300",  # an engine that refuses everybody is not to be restarted here
    }
    with Platform(groups=1, env=settings, lease_s=30.0) as running:
        running.python(_STAFF)
        # The web process read which static files there are when it started.
        running.children["web"].stop(60)
        running.start_web()
        running.wait_ready()
        yield running


@pytest.fixture
def page(platform: Platform) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        opened = browser.new_page(viewport={"width": 1440, "height": 1000}, base_url=platform.url)
        opened.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        sign_in(opened, Site(url=platform.url, user="operator", password="password"))
        yield opened
        browser.close()


def submit(platform: Platform, count: int, kind: str, given: dict[str, Any], **more: Any) -> None:
    """Many jobs of one tenant, eight requests at a time."""
    with (
        Client(url=platform.url, key=platform.keys["amber"], patience_s=120) as client,
        ThreadPoolExecutor(8) as pool,
    ):
        for done in [pool.submit(client.submit, kind, given, **more) for _ in range(count)]:
            done.result()


def ended(platform: Platform, status: str, count: int) -> None:
    statement = "SELECT COUNT(*) AS n FROM jobs_job WHERE status = ?"
    until(
        lambda: platform.rows(statement, status)[0]["n"] == count,
        what=f"{count} jobs are {status}",
        within_s=240,
    )


def counted(platform: Platform, failures: int) -> None:
    statement = "SELECT COALESCE(SUM(count), 0) AS n FROM triage_cause"
    until(lambda: platform.rows(statement)[0]["n"] >= failures, what="failures are counted", within_s=60)


def test_a_cause_is_found_repaired_rerun_and_comes_back(platform: Platform, page: Page) -> None:
    click: dict[str, Any] = {"given": {"instruction": "Save the file"}, "images": [pictures.window().png]}
    twin = platform.twin("gpu0")

    twin.faults(bad_json=-1)
    submit(platform, HALF, "gui", **click)
    ended(platform, "failed", HALF)
    (kept,) = platform.rows("SELECT said FROM jobs_attempt LIMIT 1")
    assert any(json.loads(kept["said"])), "what the model wrote is there to be looked at"
    twin.faults(bad_json=0, busy=-1)
    submit(platform, HALF, "chat", {"prompt": "hello"}, max_attempts=1)
    ended(platform, "failed", 2 * HALF)
    counted(platform, 2 * HALF)
    twin.faults(busy=0)  # what was wrong is repaired

    page.goto("/admin/triage/cause/")
    expect(page.locator("#live tbody tr")).to_have_count(2)

    clicks = 0

    def press(locator: Any) -> None:
        nonlocal clicks
        clicks += 1
        locator.click()

    page.goto("/admin/")
    press(page.get_by_role("link", name="output_unparseable").first)
    expect(page.get_by_text(f"Retry {HALF} jobs…")).to_be_visible()
    press(page.locator("#retry-all"))
    expect(page.get_by_text("Dry run: nothing has been done")).to_be_visible()
    assert platform.rows("SELECT COUNT(*) AS n FROM jobs_job WHERE status = 'failed'")[0]["n"] == 2 * HALF
    press(page.locator("#run"))
    assert clicks == 3
    expect(page.get_by_text(f"{HALF} queued again")).to_be_visible()
    ended(platform, "succeeded", HALF)
    page.locator("#resolve").click()
    expect(page.locator(".sl-badge", has_text="Resolved").first).to_be_visible()
    page.goto("/admin/triage/cause/")
    expect(page.locator("#live tbody tr")).to_have_count(1)

    twin.faults(bad_json=-1)
    submit(platform, 1, "gui", **click)
    counted(platform, 2 * HALF + 1)
    page.goto("/admin/triage/cause/")
    row = page.locator("#live tbody tr", has_text="output_unparseable")
    expect(row.locator(".sl-badge")).to_contain_text("Regressed")


def test_a_page_follows_one_stream_while_it_is_looked_at(platform: Platform, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/admin/live/" in request.url else None)
    page.goto("/admin/")
    for _ in range(2):
        before = page.locator("#as-of").inner_text()
        page.wait_for_function("was => document.querySelector('#as-of').innerText !== was", arg=before)
    assert len(asked) == 1, asked
    # A kind that is paused elsewhere is paused here, and the sentence on top says so where jobs wait.
    platform.pause("ocr")
    expect(page.locator("[id='pause-ocr.default']")).to_contain_text("Resume")
    platform.resume("ocr")
    expect(page.locator("[id='pause-ocr.default']")).to_contain_text("Pause")
    assert len(asked) == 1, asked
    # The web server is started anew: the page comes back by itself.
    platform.children["web"].stop(60)
    expect(page.get_by_role("status").get_by_text("Reconnecting…")).to_be_visible()
    platform.start_web()
    before = page.locator("#as-of").inner_text()
    page.wait_for_function("was => document.querySelector('#as-of').innerText !== was", arg=before)
    expect(page.locator("#live-state")).to_have_text("")
