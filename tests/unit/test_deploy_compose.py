"""The compose file starts vLLM just as `sightline group` does, and names commands that exist."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from sightline_workers.cli import ON_GPU
from sightline_workers.engines.model_spec import ModelSpec
from sightline_workers.engines.vllm_server import launch_plan

DEPLOY = Path(__file__).parents[2] / "deploy"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def flags(argv: list[str]) -> dict[str, Any]:
    """`--name value`, `--name=value` and `--name` as one mapping; JSON values parsed."""
    found: dict[str, Any] = {}
    name = ""
    for word in argv:
        if word.startswith("--"):
            name, _, value = word.partition("=")
            found[name] = value or True
        elif name:
            found[name] = word
            name = ""
    return {key: json.loads(value) if str(value).startswith("{") else value for key, value in found.items()}


def test_vllm_gets_the_flags_that_a_group_would_give_it(compose: dict[str, Any]) -> None:
    seats = sum(ON_GPU.values()) + 1
    spec = ModelSpec(tag="default", checkpoint="Qwen/Qwen3-VL-4B-Instruct")
    plan = launch_plan(spec, gpus=("GPU-0",), port=8000, seats=seats)
    ours = flags(list(plan.argv))
    theirs = flags(compose["services"]["vllm-0"]["command"])
    elsewhere = {"--model", "--host", "--port", "--max-model-len"}
    assert {k: v for k, v in theirs.items() if k not in elsewhere} == {
        k: v for k, v in ours.items() if k not in elsewhere
    }


@pytest.mark.parametrize("service", ["vllm-0", "vllm-1"])
def test_each_vllm_has_a_gpu_of_its_own_and_a_group(compose: dict[str, Any], service: str) -> None:
    number = service.removeprefix("vllm-")
    devices = compose["services"][service]["deploy"]["resources"]["reservations"]["devices"]
    assert devices[0]["device_ids"] == [number]
    group = compose["services"][f"group-{number}"]
    assert f"--engine-url=http://{service}:8000" in group["command"]
    assert (
        group["environment"]
        | {f"SIGHTLINE_SEATS_{kind.upper()}": str(seats) for kind, seats in ON_GPU.items()}
        == group["environment"]
    )


def test_every_service_of_the_platform_runs_a_command_that_exists(compose: dict[str, Any]) -> None:
    import click

    from sightline.cli.main import sightline

    commands = {
        service["command"][0]
        for service in compose["services"].values()
        if service.get("image") == "sightline"
    }
    context = click.Context(sightline)
    assert {name for name in commands if sightline.get_command(context, name) is None} == set()


def test_every_secret_is_made_by_the_script(compose: dict[str, Any]) -> None:
    script = (DEPLOY / "secrets" / "make.sh").read_text()
    assert all(name in script for name in compose["secrets"])
