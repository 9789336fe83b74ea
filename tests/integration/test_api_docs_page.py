"""The page of the API's documentation, in a browser."""

from typing import Any

import pytest
from playwright.sync_api import expect, sync_playwright

from sightline_dashboard.screenshots import CHROMIUM, FLAGS

SLOW_MS = 60_000
"""For a busy machine: the document is made when it is first asked for."""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("redis_url"),
    pytest.mark.only_on("sqlite"),
]


def test_the_page_is_as_dark_as_the_readers_system_and_begins_with_jobs(live_server: Any) -> None:
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(base_url=live_server.url, color_scheme="dark")
        page.set_default_timeout(SLOW_MS)
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto("/api/v1/docs")
        jobs = page.locator(".opblock-tag").first
        expect(jobs).to_contain_text("jobs", timeout=SLOW_MS)
        expect(page.locator("html.dark-mode")).to_have_count(1, timeout=SLOW_MS)
        assert page.locator(".opblock").count() == 0, "operations open with their tag"
        jobs.click()
        page.get_by_text("/api/v1/jobs", exact=True).nth(1).click()
        expect(page.get_by_role("button", name="Execute")).to_be_visible(timeout=SLOW_MS)
        page.emulate_media(color_scheme="light")
        expect(page.locator("html.dark-mode")).to_have_count(0, timeout=SLOW_MS)
        browser.close()
    assert complaints == []
