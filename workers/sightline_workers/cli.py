"""The commands that this package adds to `sightline`."""

import os
import signal
import socket
import sys
import threading
from typing import Any

import click
from django.conf import settings

ON_GPU = {"gui": 16, "chat": 64, "ocr": 64}
ON_CPU = {"gui": 4, "chat": 8, "ocr": 8}


@click.command()
@click.option(
    "--gpus", default="", help="NVML indexes of the GPUs of this group, `0` or `0,1`; none: the CPU."
)
@click.option("--model", "tag", default=None, help="Model tag to serve (SIGHTLINE_MODELS).")
@click.option("--name", default=None, help="The group's name; default gpu0, gpu0-1, cpu0, …")
@click.option("--engine", type=click.Choice(["vllm", "twin"]), default="vllm", show_default=True)
@click.option("--engine-url", default=None, help="Use an engine that already runs there; start none.")
@click.option(
    "--twin-option", "twin_options", multiple=True, metavar="NAME=VALUE", help="Passed on to the twin."
)
def group(
    gpus: str,
    tag: str | None,
    name: str | None,
    engine: str,
    engine_url: str | None,
    twin_options: tuple[str, ...],
) -> None:
    """Serve one model on one GPU (or several): an engine and a Celery worker per kind."""
    import django

    django.setup()
    from sightline.processes.orphans import end_orphans
    from sightline_workers.group import GroupOptions, GroupSupervisor
    from sightline_workers.launches import elsewhere, twin_process, vllm_process

    tag = tag or settings.DEFAULT_MODEL
    if tag not in settings.MODELS:
        raise click.BadParameter(f"{tag!r} is no tag of SIGHTLINE_MODELS ({', '.join(settings.MODELS)}).")
    indexes = tuple(int(part) for part in gpus.split(",") if part.strip())
    uuids = _uuids(indexes)
    name = name or ("gpu" + "-".join(map(str, indexes)) if indexes else "cpu0")
    seats = {kind: settings.SEATS[kind] or n for kind, n in (ON_GPU if indexes else ON_CPU).items()}
    folder = settings.HOME / "run" / f"group-{name}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    end_orphans(folder)
    if engine_url:
        launch = elsewhere(tag=tag, base_url=engine_url)
    elif engine == "twin":
        launch = twin_process(tag=tag, seats=seats, options=twin_options)
    else:
        launch = vllm_process(tag=tag, seats=seats, gpus=uuids)
    supervisor = GroupSupervisor(
        GroupOptions(name=name, host=socket.gethostname(), tag=tag, gpus=uuids, seats=seats, folder=folder),
        launch,
        on_line=lambda source, line: print(f"{source:7} | {line}", flush=True),
        on_state=lambda state, detail: print(f"engine {state}{': ' + detail if detail else ''}", flush=True),
    )
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    supervisor.run(stop)


@click.command()
def cpu() -> None:
    """Fetch images by URL, deliver webhooks, make jobs of batches: the work that needs no GPU. Any number may run."""
    from sightline.celery import BATCH, DELIVER, PREPARE

    # In this process's place: signals reach Celery itself.
    os.execv(  # noqa: S606
        sys.executable,
        [
            *(sys.executable, "-m", "celery", "--quiet", "-A", "sightline_workers.cpu_tasks", "worker"),
            *("--hostname", f"cpu@{socket.gethostname()}", "--queues", f"{PREPARE},{DELIVER},{BATCH}"),
            *("--pool", "threads", "--concurrency", str(settings.CPU_THREADS), "--task-events"),
            *("--without-gossip", "--without-mingle", "--loglevel", "WARNING"),
        ],
    )


def _uuids(indexes: tuple[int, ...]) -> tuple[str, ...]:
    if not indexes:
        return ()
    from sightline_workers import gpus

    found = {gpu.index: gpu.uuid for gpu in gpus.found()}
    missing = [index for index in indexes if index not in found]
    if missing:
        raise click.BadParameter(f"There is no GPU {missing[0]}; this host has {sorted(found) or 'none'}.")
    return tuple(found[index] for index in indexes)


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def twin(arguments: tuple[str, ...]) -> None:
    """Run the simulated engine alone: vLLM's API, a batching cost model and fault switches."""
    from sightline_workers.engines.twin.__main__ import main

    sys.exit(_as_exit_code(main(list(arguments))))


def _as_exit_code(value: Any) -> int:
    return value if isinstance(value, int) else 0
