"""Everybody can use the dashboard: without a mouse, with a screen reader, in the light and in the dark."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.urls import reverse
from playwright.sync_api import Page, expect, sync_playwright
from support.accessibility import findings

from sightline.jobs.models import Job
from sightline.triage.models import Bulk, BulkState, Cause
from sightline_dashboard.screenshots import CHROMIUM, FLAGS, Site, sign_in

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.only_on("sqlite"),
    pytest.mark.timeout(900),
]

SHAPES_AT_LEAST = 40
MOST_PRESSES = 120
_ID = re.compile(r"/(?:[a-z]+_[0-9A-Z]{26}|[0-9a-f]{16}|[0-9a-f-]{36}|\d+|[^/]+[@.][^/]+)(?=/)")
"""Ids, numbers and names: pages that differ in them alone are one page."""
_LINKS = "links => links.map(link => link.getAttribute('href'))"
_LOOK = """() => {
  const element = document.activeElement, box = element.getBoundingClientRect(), style = getComputedStyle(element);
  return {
    is: `${element.tagName} ${element.id || element.textContent.trim().slice(0, 40)}`,
    href: element.getAttribute("href") || "",
    id: element.id,
    body: element === document.body,
    shown: box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight,
    ringed: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0,
  };
}"""


@pytest.fixture(autouse=True)
def _rows_under_a_running_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Playwright keeps an event loop in this thread; the tests' own queries run beside it, never inside."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


@pytest.fixture
def page(live_server: Any, redis_url: str, everything: list[Job]) -> Iterator[Page]:
    """The operator before everything that the seed knows."""
    User.objects.create_superuser("operator", password="password")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        opened = browser.new_page(
            viewport={"width": 1440, "height": 900}, base_url=live_server.url, reduced_motion="reduce"
        )
        opened.goto("/admin/login/")
        assert findings(opened) == []
        sign_in(opened, Site(url=live_server.url, user="operator", password="password"))
        yield opened
        browser.close()
        connections.close_all()


def shape(href: str) -> str:
    return _ID.sub("/*", urlsplit(href).path)


def test_no_page_has_a_serious_finding_in_the_light_or_in_the_dark(page: Page) -> None:
    """Every page that is linked from another, one of each shape, and those that only a form leads to."""
    waiting = ["/admin/", "/admin/password_change/", "/admin/triage/cause/?view=muted"]
    seen, found = set[str](), dict[str, list[str]]()
    while waiting:
        href = waiting.pop()
        page.goto(href)
        page.wait_for_load_state("load")
        _examine(page, href, found)
        for link in page.locator("a[href]:not([download])").evaluate_all(_LINKS):
            inside = link.startswith("/admin/") and "/file/" not in link and "/image/" not in link
            if inside and shape(link) not in seen:
                seen.add(shape(link))
                waiting.append(link)
    assert len(seen) >= SHAPES_AT_LEAST, sorted(seen)
    page.goto("/admin/jobs/job/?q=status:failed")
    page.get_by_role("button", name="Retry all…").click()
    page.get_by_text("Dry run: nothing has been done").wait_for()
    _examine(page, "dry run", found)
    page.locator("#run").click()
    page.locator("progress").wait_for()
    _examine(page, "progress", found)
    page.set_viewport_size({"width": 480, "height": 900})
    for href in ("/admin/", "/admin/triage/cause/", "/admin/jobs/job/"):
        page.goto(href)
        _examine(page, f"narrow {href}", found)
    assert not found, "\n".join(f"{what}\n    {pages}" for what, pages in found.items())


def _examine(page: Page, name: str, found: dict[str, list[str]]) -> None:
    """Note each finding with the pages that have it."""
    for finding in findings(page):
        found.setdefault(finding, []).append(name)
    page.evaluate("document.documentElement.classList.add('dark')")
    for finding in findings(page, rules=["color-contrast"]):
        found.setdefault(f"in the dark: {finding}", []).append(name)


def test_the_story_is_walked_without_a_mouse(page: Page) -> None:
    """From home to the cause, to the dry run, to the retry: by Tab and Enter alone, the focus always in sight."""
    page.goto("/admin/")
    page.keyboard.press("Tab")
    assert page.evaluate(_LOOK)["is"].startswith("A Skip to the content")
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_be_focused()
    cause = Cause.objects.get(code="engine_busy")
    _tab_to(page, "href", reverse("admin:triage_cause_change", args=[cause.pk]))
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/triage/cause/*/change/")
    _tab_to(page, "id", "retry-all")
    page.keyboard.press("Enter")
    page.get_by_text("Dry run: nothing has been done").wait_for()
    _tab_to(page, "id", "run")
    page.keyboard.press("Enter")
    page.locator("progress").wait_for()
    assert Bulk.objects.get().state == BulkState.CANARY
    _tab_to(page, "id", "stop")
    page.keyboard.press("Space")
    page.get_by_text("stopped by admin:operator").wait_for()


def test_the_menus_of_the_theme_open_by_keyboard(page: Page) -> None:
    page.goto("/admin/jobs/job/")
    account = page.get_by_role("button", name="Account")
    account.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    filters = page.get_by_role("button", name="Filters")
    filters.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#changelist-filter :focus")).to_be_visible()


def _tab_to(page: Page, name: str, begins: str) -> None:
    """Press Tab until something is focused whose id or address begins so."""
    for _ in range(MOST_PRESSES):
        page.keyboard.press("Tab")
        look = page.evaluate(_LOOK)
        if look["body"]:
            continue
        assert look["shown"], f"the focus is out of sight: {look}"
        assert look["ringed"], f"the focus cannot be seen: {look}"
        if look[name].startswith(begins):
            return
    raise AssertionError(f"{begins} was not reached within {MOST_PRESSES} presses")
