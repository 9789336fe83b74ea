"""The admin and the REST list over a million jobs on PostgreSQL: every search, every page, how many queries."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from driver.report import Finding, Table
from driver.scale import Scale

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests"))

from support.postgresql_server import PostgreSQLServer  # noqa: E402

AIM_MS, AIM_QUERIES = 300.0, 15
_PARTS = {
    "search": "Searches in the job list, as the whole page",
    "page": "Pages of the admin",
    "list": "GET /api/v1/jobs of the largest tenant",
}


def run(scale: Scale) -> Finding:
    if not PostgreSQLServer.available():
        raise RuntimeError("this needs `initdb` and `postgres`")
    jobs = 100_000 if scale.quick else 1_000_000
    server = PostgreSQLServer(shared_buffers="512MB")
    server.start()
    try:
        environment = {
            **os.environ,
            "SIGHTLINE_HOME": str(scale.folder),
            "SIGHTLINE_DATABASE_URL": server.url("sightline"),
            "SIGHTLINE_MODELS": json.dumps({"default": {}, "qwen3-vl-8b@int4": {}}),
        }

        def python(*arguments: str, **more: Any) -> Any:
            return subprocess.run(
                [sys.executable, *arguments], check=True, cwd=ROOT, env=environment, text=True, **more
            )

        python("manage.py", "migrate", "--verbosity=0")
        began = time.monotonic()
        python("manage.py", "seed_jobs", f"--count={jobs}")
        filled_s = time.monotonic() - began
        rounds = str(5 if scale.quick else 20)
        measured = python("tests/bench/page_times.py", f"--rounds={rounds}", stdout=subprocess.PIPE)
    finally:
        server.stop()
    found: dict[str, Any] = json.loads(measured.stdout)
    return Finding(
        name="pages",
        title="A million jobs",
        about=f"{found['jobs']:,} invented jobs on PostgreSQL, made in {filled_s:.0f} s. Each case is asked {rounds}"
        " times with values drawn anew, frequent and rare; times are those of the whole response, made in one"
        f" process without a network, at a load average of {os.getloadavg()[0]:.0f}.",
        summary=list(_summary(found["cases"])),
        tables=[
            Table(
                title=title,
                columns=["case", "p50 ms", "p95 ms", "most ms", "CPU ms", "its queries, p95 ms", "queries"],
                rows=[
                    [
                        case["name"],
                        case["p50_ms"],
                        case["p95_ms"],
                        case["max_ms"],
                        case["cpu_ms"],
                        case["query_p95_ms"],
                        case["queries"],
                    ]
                    for case in found["cases"]
                    if case["part"] == part
                ],
            )
            for part, title in _PARTS.items()
        ],
        figures={**found, "filled_s": filled_s},
    )


def _summary(cases: list[dict[str, Any]]) -> Iterator[str]:
    for part, title in _PARTS.items():
        own = [case for case in cases if case["part"] == part]
        slow = max(own, key=lambda case: case["p95_ms"])
        over = sum(case["p95_ms"] > AIM_MS for case in own)
        asking = max(own, key=lambda case: case["query_p95_ms"])
        yield (
            f"{title}: {len(own)} cases, the slowest p95 {slow['p95_ms']:.0f} ms ({slow['name']}),"
            f" {over} over {AIM_MS:.0f} ms; the slowest queries p95 {asking['query_p95_ms']:.0f} ms"
            f" ({asking['name']})"
        )
    most = max(cases, key=lambda case: case["queries"])
    yield f"most queries of a page: {most['queries']} ({most['name']}; aim {AIM_QUERIES})"
