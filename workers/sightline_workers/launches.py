"""The engines that a group can have: vLLM, the twin, or one that already runs."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial

import click
from django.conf import settings

from sightline_workers.engine_process import Launch, free_port
from sightline_workers.engines import revision
from sightline_workers.engines.contract import EngineError
from sightline_workers.engines.openai_http import OpenAIEngine

# What an engine has no business knowing: it runs the model's code, and its log is shown to people.
_SECRETS = ("SIGHTLINE_SECRET_KEY", "SIGHTLINE_DATABASE_URL", "SIGHTLINE_REDIS_URL", "SIGHTLINE_KEY")


def vllm_process(*, tag: str, seats: Mapping[str, int], gpus: Sequence[str]) -> Launch:
    """vLLM's server for a model tag, as SIGHTLINE_MODELS describes it."""
    from sightline_workers.engines.model_spec import ModelSpecError, parse_models
    from sightline_workers.engines.vllm_server import launch_plan

    try:
        spec = parse_models(settings.MODELS)[tag]
    except ModelSpecError as error:
        raise click.ClickException(f"SIGHTLINE_MODELS: {error}") from error
    plan = launch_plan(spec, gpus=tuple(gpus), port=free_port(), seats=sum(seats.values()) + 1)
    return Launch(
        argv=plan.argv,
        env={**_environment(), **plan.env},
        base_url=plan.base_url,
        served_model=plan.served_model_name,
        revision=partial(revision.of_checkpoint, spec.checkpoint, asdict(spec)),
    )


def twin_process(*, tag: str, seats: Mapping[str, int], options: Sequence[str] = ()) -> Launch:
    """The simulated engine, with options such as `profile=published`."""
    port = free_port()
    argv = [
        *(sys.executable, "-m", "sightline_workers.engines.twin", "--port", str(port), "--model", tag),
        *("--max-num-seqs", str(sum(seats.values()) + 1)),
    ]
    for option in options:
        name, _, value = option.partition("=")
        argv += [f"--{name.replace('_', '-')}", value]
    return Launch(
        argv=argv,
        env=_environment(),
        base_url=f"http://127.0.0.1:{port}",
        served_model=tag,
        revision=partial(revision.of_twin, tuple(options)),
    )


def elsewhere(*, tag: str, base_url: str) -> Launch:
    """An engine that somebody else runs; its model's name is asked for, the tag when it does not answer yet."""
    client = OpenAIEngine(base_url, max_concurrency=1, api_key=settings.ENGINE_API_KEY or None)
    try:
        served = client.models()
    except EngineError:
        served = ()
    return Launch(argv=(), base_url=base_url, served_model=tag if tag in served or not served else served[0])


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(_SECRETS)}
