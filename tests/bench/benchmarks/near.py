"""The near cache: what it takes for the same and what not, and how fast it finds candidates."""

import io
import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from driver.report import Finding, Table
from driver.scale import Scale
from PIL import Image

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests"))

from support import hard_pairs  # noqa: E402
from support.postgresql_server import PostgreSQLServer  # noqa: E402

from sightline.media import hashes, likeness  # noqa: E402

AIM_MS = 5.0


def run(scale: Scale) -> Finding:
    scenes = 7 if scale.quick else 28
    harmless, differing = _pairs(scenes)
    images = 10_000 if scale.quick else 100_000
    lookups = [_lookups(scale.folder / "sqlite", images, "")]
    if PostgreSQLServer.available():
        server = PostgreSQLServer()
        server.start()
        try:
            server.execute("CREATE DATABASE near")
            lookups.append(_lookups(scale.folder / "postgres", images, server.url("near")))
        finally:
            server.stop()
    by_way: dict[str, list[float]] = defaultdict(list)
    for way, excess, _ in harmless:
        by_way[way].append(excess)
    caught = [excess <= 1 for _, excess, _ in harmless]
    exact_hits = sum(same for _, _, same in differing)
    false = sum(excess <= 1 for _, excess, _ in differing)
    closest = sorted((excess, name) for name, excess, _ in differing)[:5]
    return Finding(
        name="near",
        title="Nearly the same request",
        about=f"{len(differing)} drawn pairs whose answers differ and {len(harmless)} harmless copies, from {scenes}"
        " scenes. A pair passes when no tile differs by more than its bound (excess 1). Look-ups find the candidates"
        " whose pixels are compared; half of the pictures are pages of one form.",
        summary=[
            f"false hits: exact {exact_hits}, near {false} of {len(differing)} pairs (aim 0);"
            f" the closest is {closest[0][0]:.2f} times the bound",
            f"harmless copies caught: {sum(caught) / len(caught):.1%}",
            *map(_told, lookups),
        ],
        tables=[
            Table(
                title="Harmless copies, by how they were made",
                columns=["copy", "caught", "of", "greatest excess"],
                rows=[
                    [way, sum(e <= 1 for e in found), len(found), max(found)] for way, found in by_way.items()
                ],
            ),
            Table(
                title="Pairs whose answers differ, the closest",
                columns=["pair", "excess"],
                rows=[[name, excess] for excess, name in closest],
            ),
        ],
        figures={
            "lookups": lookups,
            "caught": {way: [sum(e <= 1 for e in found), len(found)] for way, found in by_way.items()},
            "false_hits": {"exact": exact_hits, "near": false, "pairs": len(differing)},
            "closest": closest,
        },
    )


def _told(found: dict[str, Any]) -> str:
    return (
        f"look-up among {found['images']:,} images on {found['database']}: p50 {found['p50_ms']:.2f} ms,"
        f" p99 {found['p99_ms']:.2f} ms (aim below {AIM_MS:.0f} ms), {found['cpu_ms']:.2f} CPU-ms here;"
        f" the right one is among the candidates {found['found']:.1%}"
    )


Measured = tuple[str, float, bool]
"""The way of a copy or the name of a pair, its excess, and whether the pixels are equal."""


def _pairs(scenes: int) -> tuple[list[Measured], list[Measured]]:
    harmless = hard_pairs.harmless(0, scenes=scenes)
    differing = hard_pairs.differing(0, scenes=scenes)
    with ProcessPoolExecutor(max(1, (os.cpu_count() or 2) // 2)) as pool:
        return _measured(pool, harmless, "way"), _measured(pool, differing, "name")


def _measured(pool: ProcessPoolExecutor, pairs: Iterable[hard_pairs.Pair], label: str) -> list[Measured]:
    found = []
    batch: list[hard_pairs.Pair] = []
    for pair in pairs:  # drawn here while the others compare, a few at a time: pictures are large
        batch.append(pair)
        if len(batch) == 32:
            found += pool.map(_measure, [getattr(p, label) for p in batch], batch)
            batch = []
    return [*found, *pool.map(_measure, [getattr(p, label) for p in batch], batch)]


def _measure(label: str, pair: hard_pairs.Pair) -> Measured:
    first, second = (Image.open(io.BytesIO(data)) for data in (pair.first, pair.second))
    same = hashes.pixel_sha256(first.convert("RGB")) == hashes.pixel_sha256(second.convert("RGB"))
    return label, likeness.compare(first, second).excess, same


def _lookups(home: Path, images: int, database: str) -> dict[str, Any]:
    home.mkdir(parents=True)
    environment = {**os.environ, "SIGHTLINE_HOME": str(home), "SIGHTLINE_DATABASE_URL": database}

    def python(*arguments: str) -> str:
        return subprocess.run(
            [sys.executable, *arguments],
            check=True,
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout

    python("manage.py", "migrate", "--verbosity=0")
    found: dict[str, Any] = json.loads(python("tests/bench/near_lookups.py", f"--images={images}"))
    return found
