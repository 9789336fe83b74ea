"""`python -m sightline_dashboard.screenshots`: pictures of the pages, light and dark, for the README and for eyes.

Without options it fills a throw-away data folder with invented jobs, serves it, and photographs it. With `--url` it
photographs a platform that runs, and with `--flower` that platform's Flower as well.
"""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from sightline import embedded_redis

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "dashboard" / "screenshots"
SIZE = {"width": 1440, "height": 900}
CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
_PATIENCE_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Site:
    """A platform to photograph."""

    url: str
    user: str
    password: str
    flower: str = ""
    """Flower's address; empty: not photographed."""


@dataclass(frozen=True, kw_only=True)
class Shot:
    """One page of the admin."""

    name: str
    path: str
    """Below the site, or a search of the job list whose first job is opened."""
    opens_first: bool = False
    full_page: bool = False


SHOTS = (
    Shot(name="home", path="/admin/"),
    Shot(name="jobs", path="/admin/jobs/job/"),
    Shot(
        name="gui",
        path="/admin/jobs/job/?status__exact=succeeded&q=tag:save-dialog",
        opens_first=True,
        full_page=True,
    ),
    Shot(
        name="ocr",
        path="/admin/jobs/job/?status__exact=succeeded&q=tag:boxes",
        opens_first=True,
        full_page=True,
    ),
    Shot(
        name="chat",
        path="/admin/jobs/job/?kind=chat&status__exact=succeeded",
        opens_first=True,
        full_page=True,
    ),
    Shot(name="failed", path="/admin/jobs/job/?status__exact=failed", opens_first=True, full_page=True),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="a platform that runs, as http://127.0.0.1:8000")
    parser.add_argument("--flower", default="", help="its Flower, as http://127.0.0.1:5555")
    parser.add_argument("--user", default="operator")
    parser.add_argument("--password", default=os.environ.get("SIGHTLINE_OPERATOR_PASSWORD", ""))
    parser.add_argument("--into", type=Path, default=FOLDER)
    options = parser.parse_args()
    options.into.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        if options.url:
            site = Site(url=options.url, user=options.user, password=options.password, flower=options.flower)
        else:
            site = stack.enter_context(throw_away())
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        stack.callback(browser.close)
        for scheme in ("light", "dark"):
            for file in photograph(browser, site, scheme, options.into):
                sys.stdout.write(f"{file} {file.stat().st_size // 1000} kB\n")
    return 0


def photograph(browser: Browser, site: Site, scheme: str, into: Path) -> Iterator[Path]:
    """Every page in one colour scheme, `light` or `dark`. Yields the files."""
    credentials = {"username": site.user, "password": site.password}
    context = browser.new_context(
        viewport=SIZE,  # type: ignore[arg-type]
        color_scheme=scheme,  # type: ignore[arg-type]
        reduced_motion="reduce",
        http_credentials=credentials if site.flower else None,  # type: ignore[arg-type]
    )
    page = context.new_page()
    sign_in(page, site)
    for shot in SHOTS:
        page.goto(site.url + shot.path)
        if shot.opens_first:
            links = page.locator("#result_list tbody th a, #result_list tbody td a")
            if not links.count():
                continue
            links.first.click()
            page.wait_for_load_state("networkidle")
        yield _save(page, into / f"{shot.name}-{scheme}.png", full_page=shot.full_page)
    if site.flower:
        for name, path in (("flower-workers", "/workers"), ("flower-tasks", "/tasks")):
            page.goto(site.flower + path)
            page.wait_for_load_state("networkidle")
            yield _save(page, into / f"{name}-{scheme}.png", full_page=False)
    context.close()


def sign_in(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/admin/login/?next=/admin/")
    page.get_by_label("Username").fill(site.user)
    page.get_by_label("Password").fill(site.password)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{site.url}/admin/")


def _save(page: Page, file: Path, *, full_page: bool) -> Path:
    page.evaluate("document.fonts.ready")
    if full_page:  # a taller window rather than a long picture: the side bar then reaches the bottom
        height = page.evaluate("document.documentElement.scrollHeight")
        page.set_viewport_size({"width": SIZE["width"], "height": height})
    page.screenshot(path=file, animations="disabled")
    page.set_viewport_size(SIZE)  # type: ignore[arg-type]
    return file


@contextmanager
def throw_away() -> Iterator[Site]:
    """A platform of invented jobs in a folder that is gone afterwards; only its web part and Redis run."""
    with ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory(prefix="sightline-shots-"))
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SIGHTLINE_")},
            "SIGHTLINE_HOME": home,
            "SIGHTLINE_DEBUG": "1",  # serves static files from where they are
            "DJANGO_SUPERUSER_PASSWORD": "screenshots",
        }

        redis_folder = Path(home) / "redis"
        argv = embedded_redis.argv(folder=redis_folder, socket=redis_folder / "redis.sock")
        stack.enter_context(_running(argv, environment))

        def manage(*arguments: str) -> None:
            subprocess.run([sys.executable, str(ROOT / "manage.py"), *arguments], env=environment, check=True)

        manage("migrate", "--verbosity=0")
        manage("createsuperuser", "--noinput", "--username=operator", "--email=", "--verbosity=0")
        manage("seed_jobs")
        port = _free_port()
        argv = [sys.executable, str(ROOT / "manage.py"), "runserver", "--noreload", f"127.0.0.1:{port}"]
        server = stack.enter_context(_running(argv, environment))
        site = Site(url=f"http://127.0.0.1:{port}", user="operator", password="screenshots")  # noqa: S106
        _wait_for(f"{site.url}/admin/login/", server)
        yield site


@contextmanager
def _running(argv: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until:
        if server.poll() is not None:
            raise RuntimeError(f"the web server ended with {server.returncode}")
        try:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310
            return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    raise TimeoutError(f"{url} did not answer within {_PATIENCE_S:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
