"""`python -m sightline_dashboard.screenshots`: pictures of the pages, light and dark, for the README and for eyes.

Without options it fills a throw-away data folder with invented jobs and photographs the admin over it; then it runs
a few jobs on a second throw-away platform, with the simulated engine, and photographs its Flower. With `--url` it
photographs a platform that runs.
"""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, FilePayload, Page, ViewportSize, sync_playwright

from sightline import embedded_redis
from sightline_dashboard.seeding import pictures

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "dashboard" / "screenshots"
SIZE: ViewportSize = {"width": 1440, "height": 900}
SCHEMES: tuple[Literal["light"], Literal["dark"]] = ("light", "dark")
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
    flower: bool = False
    """Does its Flower run, so that it can be photographed?"""


@dataclass(frozen=True, kw_only=True)
class Shot:
    """One page of the admin."""

    name: str
    path: str
    """Below the site, or a search of the job list whose first job is opened."""
    opens_first: bool = False
    then: str = ""
    """A link on that page that is followed as well."""
    types: str = ""
    """Put into the search box, whose suggestions are then shown."""
    full_page: bool = False


SHOTS = (
    Shot(name="home", path="/admin/", full_page=True),
    Shot(name="errors", path="/admin/triage/cause/"),
    Shot(name="cause", path="/admin/triage/cause/", opens_first=True, full_page=True),
    Shot(name="stuck", path="/admin/jobs/job/stuck/"),
    Shot(name="alerts", path="/admin/alerts/rule/", full_page=True),
    Shot(name="jobs", path="/admin/jobs/job/"),
    Shot(name="audit", path="/admin/audit/entry/"),
    Shot(name="search", path="/admin/jobs/job/?q=status:failed", types=" tenant:"),
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
    *(
        Shot(
            name=f"compare-{kind}",
            path=f"/admin/jobs/job/?q=tag:replayed+kind:{kind}",
            opens_first=True,
            then="Compare with its original",
            full_page=True,
        )
        for kind in ("gui", "ocr", "chat")
    ),
    Shot(
        name="replay",
        path="/admin/jobs/job/?q=tag:replayed+kind:ocr",
        opens_first=True,
        then="Replay…",
    ),
    Shot(
        name="edit",
        path="/admin/jobs/job/?q=kind:gui+status:failed",
        opens_first=True,
        then="Edit and retry…",
        full_page=True,
    ),
    Shot(name="failed", path="/admin/jobs/job/?status__exact=failed", opens_first=True, full_page=True),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="", help="a platform that runs, as http://127.0.0.1:8000")
    parser.add_argument("--flower", action="store_true", help="its Flower too")
    parser.add_argument("--user", default="operator")
    parser.add_argument("--password", default=os.environ.get("SIGHTLINE_OPERATOR_PASSWORD", ""))
    parser.add_argument("--into", type=Path, default=FOLDER)
    options = parser.parse_args()
    options.into.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        if options.url:
            site = Site(
                url=options.url,
                user=options.user,
                password=options.password,
                flower=options.flower,
            )
            _tell(photograph_admin(browser, site, options.into))
            if site.flower:
                _tell(photograph_flower(browser, site, options.into))
        else:
            with invented() as site:
                _tell(photograph_admin(browser, site, options.into))
            with working() as site:
                _tell(photograph_playground(browser, site, options.into))
                _tell(photograph_flower(browser, site, options.into))
        browser.close()
    return 0


def _tell(files: Iterator[Path]) -> None:
    for file in files:
        sys.stdout.write(f"{file} {file.stat().st_size // 1000} kB\n")


def photograph_admin(browser: Browser, site: Site, into: Path) -> Iterator[Path]:
    """Every page of the admin, light and dark. Yields the files."""
    for scheme in SCHEMES:
        page = browser.new_page(viewport=SIZE, color_scheme=scheme, reduced_motion="reduce")
        sign_in(page, site)
        for shot in SHOTS:
            page.goto(site.url + shot.path)
            if shot.opens_first:
                links = page.locator("#result_list .field-name a, #live tbody th a")
                if not links.count():
                    continue  # a platform that runs need not have such a job
                links.first.click()
                page.wait_for_load_state("networkidle")
            if shot.then:
                page.get_by_role("link", name=shot.then).click()
                page.wait_for_load_state("networkidle")
            if shot.types:
                page.locator("#searchbar").press("End")
                page.keyboard.type(shot.types)
                page.get_by_role("option").first.wait_for()
            yield _save(page, into / f"{shot.name}-{scheme}.png", full_page=shot.full_page)
        page.close()


def photograph_playground(browser: Browser, site: Site, into: Path) -> Iterator[Path]:
    """The playground empty, after a refusal, with a drawn click and with drawn lines. Yields the files."""
    window, invoice = pictures.window(), pictures.invoice()
    for scheme in SCHEMES:
        page = browser.new_page(viewport=SIZE, color_scheme=scheme, reduced_motion="reduce")
        sign_in(page, site)
        page.goto(f"{site.url}/admin/jobs/job/playground/")
        yield _save(page, into / f"playground-empty-{scheme}.png", full_page=False)
        page.get_by_label("What is to be done").fill("Save the file")
        page.keyboard.press("Control+Enter")
        page.locator("[data-error=image]").wait_for()
        yield _save(page, into / f"playground-refused-{scheme}.png", full_page=False)
        _give(page, window)
        page.keyboard.press("Control+Enter")
        page.locator("#gui-marker").wait_for()
        yield _save(page, into / f"playground-gui-{scheme}.png", full_page=True)
        page.get_by_text("Read a page").click()
        page.get_by_role("button", name="Clear").click()
        page.get_by_text("Read a page").click()
        page.get_by_label("Read as").select_option("boxes")
        _give(page, invoice)
        page.keyboard.press("Control+Enter")
        page.locator(".sl-lines a").first.wait_for()
        yield _save(page, into / f"playground-ocr-{scheme}.png", full_page=True)
        page.close()


def _give(page: Page, picture: pictures.Picture) -> None:
    file: FilePayload = {"name": picture.name, "mimeType": "image/png", "buffer": picture.png}
    page.locator("#pg-file").set_input_files([file])


def photograph_flower(browser: Browser, site: Site, into: Path) -> Iterator[Path]:
    """Flower's workers and tasks, behind the admin's sign-in, light and dark. Yields the files."""
    for scheme in SCHEMES:
        page = browser.new_page(
            viewport=SIZE, color_scheme=scheme, reduced_motion="reduce", base_url=site.url
        )
        sign_in(page, site)
        for name in ("workers", "tasks"):
            page.goto(f"/flower/{name}")
            page.locator("tbody tr").first.wait_for()
            yield _save(page, into / f"flower-{name}-{scheme}.png", full_page=False)
        page.close()


def sign_in(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/admin/login/?next=/admin/")
    page.get_by_label("Username").fill(site.user)
    page.get_by_label("Password").fill(site.password)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{site.url}/admin/")


def _save(page: Page, file: Path, *, full_page: bool) -> Path:
    page.evaluate("document.fonts.ready")
    page.wait_for_function("[...document.images].every(image => image.loading === 'lazy' || image.complete)")
    if full_page:  # a taller window rather than a long picture: the side bar then reaches the bottom
        height = page.evaluate("document.documentElement.scrollHeight")
        page.set_viewport_size({"width": SIZE["width"], "height": height})
    page.screenshot(path=file, animations="disabled")
    page.set_viewport_size(SIZE)
    return file


@contextmanager
def invented() -> Iterator[Site]:
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
def working() -> Iterator[Site]:
    """A whole platform with the simulated engine that has just run some jobs; gone afterwards."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sightline-shots-")))
        port, flower_port = _free_port(), _free_port()
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SIGHTLINE_")},
            "SIGHTLINE_HOME": str(home),
            "SIGHTLINE_PORT": str(port),
            "SIGHTLINE_FLOWER_PORT": str(flower_port),
            "SIGHTLINE_URL": f"http://127.0.0.1:{port}",
        }
        sightline = [sys.executable, "-m", "sightline"]
        up = stack.enter_context(_running([*sightline, "up", "--twin"], environment))
        _wait_for(f"http://127.0.0.1:{port}/readyz", up)
        environment["SIGHTLINE_KEY"] = (home / "api-key").read_text().strip()
        files = []
        for picture in (pictures.window(), pictures.invoice(), pictures.phone()):
            files.append(str(home / picture.name))
            Path(files[-1]).write_bytes(picture.png)
        for words in (
            ("ocr", *files),
            ("gui", files[0], "Save the file"),
            ("chat", "What does the invoice say?", files[1]),
        ):
            subprocess.run([*sightline, "submit", *words], env=environment, check=True, capture_output=True)
        yield Site(
            url=f"http://127.0.0.1:{port}",
            user="operator",
            password=(home / "operator-password").read_text().strip(),
            flower=True,
        )


@contextmanager
def _running(argv: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(90)  # a platform drains


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
        except OSError:  # refused, reset or too slow: not up yet
            time.sleep(0.1)
    raise TimeoutError(f"{url} did not answer within {_PATIENCE_S:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
