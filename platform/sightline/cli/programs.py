"""The programs that `sightline up` keeps running, with what each needs to know."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.conf import settings

from sightline import embedded_redis, installation
from sightline.cli import flower
from sightline.processes.supervisor import Program

REDIS, WEB, GROUPS = 0, 1, 2
"""Ranks: groups drain while web and Redis still serve them."""
_STOP_S = 25.0


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What the caller of `up` decided."""

    port: int
    flower_port: int
    twin: bool = False
    """Serve with the simulated engine instead of vLLM."""
    twin_options: Sequence[str] = ()
    """`name=value`, passed on to the twin."""


def programs(choices: Choices) -> list[Program]:
    """All of them, in the order of their start."""
    env = _environment(choices)
    found = [
        Program(
            name="web",
            argv=lambda: _ours("web", "--host", settings.HOST, "--port", str(choices.port)),
            env=env,
            rank=WEB,
            stop_s=_STOP_S,
        ),
        Program(name="sweeper", argv=lambda: _ours("sweeper"), env=env, rank=WEB, stop_s=_STOP_S),
        Program(
            name="cpu",
            argv=lambda: _ours("cpu"),
            env=env,
            rank=GROUPS,
            stop_s=settings.DRAIN_S + 10.0,
        ),
        *_groups(choices, env),
    ]
    found.append(_flower(choices, env))
    if settings.REDIS_EMBEDDED:
        found.insert(0, _redis(env))
    return found


def _environment(choices: Choices) -> dict[str, str]:
    env = {name: value for name, value in os.environ.items() if name != "FLOWER_UNAUTHENTICATED_API"}
    return {
        **env,
        "SIGHTLINE_PORT": str(choices.port),
        "SIGHTLINE_FLOWER_PORT": str(choices.flower_port),
        "PYTHONUNBUFFERED": "1",
        # Celery warns at length in every worker that runs as root, as containers and CI do.
        "PYTHONWARNINGS": os.environ.get("PYTHONWARNINGS") or "ignore::UserWarning:celery.platforms",
    }


def _ours(*words: str) -> list[str]:
    return [sys.executable, "-m", "sightline", *words]


def _redis(env: Mapping[str, str]) -> Program:
    return Program(
        name="redis",
        argv=lambda: embedded_redis.argv(folder=settings.REDIS_FOLDER, socket=settings.REDIS_SOCKET),
        env=env,
        rank=REDIS,
        stop_s=10.0,
        ready=lambda: embedded_redis.answers(settings.REDIS_SOCKET),
        ready_s=embedded_redis.START_S,
    )


def _groups(choices: Choices, env: Mapping[str, str]) -> list[Program]:
    """A group per engine that runs elsewhere; else one per GPU, or per so many GPUs as the model is spread over."""
    tag = settings.DEFAULT_MODEL
    engine = ["--engine", "twin"] if choices.twin else []
    engine += [word for option in choices.twin_options for word in ("--twin-option", option)]
    if settings.ENGINE_URLS and not choices.twin:
        wanted = {f"engine{n}": ["--engine-url", url] for n, url in enumerate(settings.ENGINE_URLS)}
    else:
        spread = int(settings.MODELS.get(tag, {}).get("tensor_parallel_size", 1))
        count = 0 if choices.twin else _gpu_count()
        sets = [range(first, first + spread) for first in range(0, count - spread + 1, spread)]
        wanted = {"gpu" + "-".join(map(str, gpus)): ["--gpus", ",".join(map(str, gpus))] for gpus in sets}
        wanted = wanted or {"cpu0": []}
    return [
        _group(name, ("--name", name, "--model", tag, *where, *engine), env) for name, where in wanted.items()
    ]


def _group(name: str, words: Sequence[str], env: Mapping[str, str]) -> Program:
    return Program(
        name=f"group-{name}",
        argv=lambda: _ours("group", *words),
        env=env,
        rank=GROUPS,
        # Its workers drain first, then its engine ends.
        stop_s=settings.DRAIN_S + 30.0,
    )


def _gpu_count() -> int:
    """GPUs that NVML finds; 0 without a driver."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return 0
    try:
        return int(pynvml.nvmlDeviceGetCount())
    finally:
        pynvml.nvmlShutdown()


def _flower(choices: Choices, env: Mapping[str, str]) -> Program:
    """Flower behind its password, which reaches it by its environment: others on the machine see command lines."""
    argv = flower.argv(address=settings.HOST, port=choices.flower_port)
    password = installation.flower_password()
    flower_env = {**env, "SIGHTLINE_ROLE": "tool", "FLOWER_BASIC_AUTH": f"{settings.FLOWER_USER}:{password}"}
    return Program(name="flower", argv=lambda: argv, env=flower_env, rank=WEB, stop_s=5.0)
