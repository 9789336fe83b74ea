"""What it is worth to decode, turn, reduce and hash pictures beside the GPU's path, each once, instead of on it."""

import hashlib
import io
import itertools
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from driver import workload
from driver.report import Finding, Table, ratio
from driver.scale import Scale
from PIL import Image

from sightline.media.guard import inspect
from sightline.media.limits import Limits
from sightline.media.normalise import Normalised, normalise
from sightline_workers.engines.contract import Abort, EngineRequest
from sightline_workers.engines.openai_http import OpenAIEngine
from sightline_workers.engines.twin.options import TwinOptions
from sightline_workers.engines.twin.process import TwinProcess
from sightline_workers.messages import render

SEATS = 8
REPEATS = 3
"""Jobs a picture: pages are read in more than one mode, screenshots are asked about more than once."""
LIMITS = Limits(model_max_pixels=1_048_576)
"""Smaller than a screenshot, so that every picture is turned, reduced and encoded again: all there is to do."""


@dataclass
class Seats:
    """What the seats did. Used by many threads."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    held_s: float = 0.0
    """Seconds that a job held its seat, all jobs together."""
    engine_s: float = 0.0
    """Of those, seconds in the engine."""
    jobs: int = 0

    def add(self, held_s: float, engine_s: float) -> None:
        with self.lock:
            self.held_s += held_s
            self.engine_s += engine_s
            self.jobs += 1


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One way of doing it."""

    jobs_per_s: float
    seat_ms: float
    """That a job held its seat, on average."""
    engine_share: float
    """Of the time that seats were held: the engine's part."""
    cpu_ms: float
    """CPU time a job in this process: the engine is another one."""


def run(scale: Scale) -> Finding:
    files = _uploads(4 if scale.quick else 24)
    jobs = list(itertools.chain.from_iterable(itertools.repeat(files, REPEATS)))
    with TwinProcess(TwinOptions(profile="batching", max_num_seqs=SEATS + 1)) as twin:
        engine = OpenAIEngine(twin.url, max_concurrency=SEATS)
        inline = _timed(jobs, lambda seats: _in_line(engine, jobs, seats))
        beside = _timed(jobs, lambda seats: _beside(engine, jobs, seats))
        engine.close()
    rows = [
        [name, found.jobs_per_s, found.seat_ms, f"{found.engine_share:.0%}", found.cpu_ms]
        for name, found in (("in line, on the seat", inline), ("beside, each once", beside))
    ]
    return Finding(
        name="media",
        title="Media beside the GPU's path",
        about=f"{len(jobs)} jobs on {len(files)} photographs of 12 megapixels that lie on their side, {SEATS} seats,"
        " the twin's `batching` profile. In line, each job decodes, turns, reduces and hashes its picture before it"
        " asks the engine; beside, threads do that once a picture, and a job takes its seat when its picture is ready.",
        summary=[
            f"jobs/s beside ÷ in line: {ratio(beside.jobs_per_s, inline.jobs_per_s)};"
            f" a seat is held for {ratio(beside.seat_ms, inline.seat_ms)} of the time;"
            f" CPU a job: {ratio(beside.cpu_ms, inline.cpu_ms)}"
        ],
        tables=[
            Table(
                title="Where pictures are prepared",
                columns=["way", "jobs/s", "seat held, ms a job", "of it in the engine", "CPU-ms a job"],
                rows=rows,
            )
        ],
        figures={"inline": vars(inline), "beside": vars(beside)},
    )


def _uploads(count: int) -> list[bytes]:
    """Photographs as a telephone sends them: 4000 × 3000 pixels, to be turned by their EXIF orientation."""
    files = []
    for picture in workload.screens(count):
        with Image.open(io.BytesIO(picture.data)) as screen:
            photo = screen.convert("RGB").resize((4000, 3000))
        exif = Image.Exif()
        exif[0x0112] = 6
        buffer = io.BytesIO()
        photo.save(buffer, "JPEG", quality=85, exif=exif)
        files.append(buffer.getvalue())
    return files


def _timed(jobs: Sequence[bytes], work: Callable[[Seats], None]) -> Outcome:
    seats = Seats()
    began, worked = time.perf_counter(), time.process_time()
    work(seats)
    spent, cpu = time.perf_counter() - began, time.process_time() - worked
    if seats.jobs != len(jobs):
        raise RuntimeError(f"{seats.jobs} of {len(jobs)} jobs ended")
    return Outcome(
        jobs_per_s=seats.jobs / spent,
        seat_ms=1000 * seats.held_s / seats.jobs,
        engine_share=seats.engine_s / seats.held_s,
        cpu_ms=1000 * cpu / seats.jobs,
    )


def _in_line(engine: OpenAIEngine, jobs: Sequence[bytes], seats: Seats) -> None:
    def job(data: bytes) -> None:
        began = time.perf_counter()
        picture = _prepared(data)
        asked = time.perf_counter()
        _ask(engine, picture)
        ended = time.perf_counter()
        seats.add(ended - began, ended - asked)

    with ThreadPoolExecutor(SEATS) as pool:
        list(pool.map(job, jobs))


def _beside(engine: OpenAIEngine, jobs: Sequence[bytes], seats: Seats) -> None:
    def job(picture: Normalised) -> None:
        began = time.perf_counter()
        _ask(engine, picture)
        spent = time.perf_counter() - began
        seats.add(spent, spent)

    pictures: dict[str, Future[Normalised]] = {}
    with ThreadPoolExecutor(SEATS) as pool, ThreadPoolExecutor(os.cpu_count()) as cpu:
        done: list[Future[None]] = []
        left = threading.Semaphore(0)

        def seat(ready: Future[Normalised]) -> None:
            done.append(pool.submit(job, ready.result()))
            left.release()

        for data in jobs:
            digest = hashlib.sha256(data).hexdigest()
            if digest not in pictures:
                pictures[digest] = cpu.submit(_prepared, data)
            pictures[digest].add_done_callback(seat)
        for _ in jobs:
            left.acquire()
        for future in done:
            future.result()


def _prepared(data: bytes) -> Normalised:
    return normalise(data, inspect(data), LIMITS)


def _ask(engine: OpenAIEngine, picture: Normalised) -> None:
    parts = [{"type": "image", "index": 0}, {"type": "text", "text": "Read all the text in the image."}]
    request = EngineRequest(
        model="default",
        messages=render([{"role": "user", "content": parts}], lambda _: (picture.data, picture.mime)),
        sampling={"temperature": 0, "max_tokens": 32},
        timeout_s=300.0,
        request_id="bench",
    )
    engine.stream(request, on_delta=lambda _: None, abort=Abort())
