"""Model specs are checked when they are made, and become the flags that vLLM gets."""

import json
from pathlib import Path
from typing import Any

import pytest

from sightline_workers.engines.model_spec import SHIPPED_CHECKPOINT, ModelSpec, ModelSpecError, parse_models
from sightline_workers.engines.vllm_server import launch_plan

GPU = "GPU-5d6f0c3e-0000-0000-0000-000000000000"


def checkpoint(folder: Path, **config: Any) -> str:
    (folder / "config.json").write_text(json.dumps(config))
    return str(folder)


def flag(argv: tuple[str, ...], name: str) -> str:
    return argv[argv.index(name) + 1]


def test_an_empty_spec_is_the_shipped_checkpoint() -> None:
    spec = parse_models('{"default": {}}')["default"]
    assert spec.checkpoint == SHIPPED_CHECKPOINT
    assert spec.tag == "default"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"dtype": "int3"}, "dtype is 'int3'"),
        ({"quantization": "exl2"}, "awq, gptq, fp8"),
        ({"tensor_parallel_size": 0}, "tensor_parallel_size is 0"),
        ({"tensor_parallel_size": True}, "tensor_parallel_size is True"),
        ({"max_model_len": 262_145}, "256 to 262144"),
        ({"gpu_memory_utilization": 1.5}, "gpu_memory_utilization"),
        ({"kv_cache_dtype": "int1"}, "kv_cache_dtype"),
        ({"chunked_prefill": "yes"}, "true or false"),
        ({"chunked_prefill": False, "max_num_batched_tokens": 512}, "max_model_len"),
        ({"limit_mm_per_prompt": {"audio": 1}}, "limit_mm_per_prompt"),
        ({"extra": ["--port=1"]}, "--port, which Sightline sets itself"),
        ({"extra": [1]}, "a list of strings"),
        ({"checkpoint": "/no/such/folder"}, "an existing folder"),
        ({"cpu_threads": 0}, "cpu_threads"),
        ({"max_len": 1}, "no field max_len"),
        (7, "object of fields"),
    ],
)
def test_a_value_that_cannot_work_is_refused_by_name(values: Any, words: str) -> None:
    with pytest.raises(ModelSpecError, match="Model 'default'") as caught:
        parse_models({"default": values})
    assert words in str(caught.value)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"": {}}', '{"UPPER": {}}'])
def test_models_that_are_no_mapping_of_tags_are_refused(text: str) -> None:
    with pytest.raises(ModelSpecError):
        parse_models(text)


def test_awq_must_be_what_the_checkpoint_says(tmp_path: Path) -> None:
    path = checkpoint(tmp_path, quantization_config={"quant_method": "gptq"})
    assert ModelSpec(tag="a", checkpoint=path, quantization="gptq").quantization == "gptq"
    with pytest.raises(ModelSpecError, match="says gptq"):
        ModelSpec(tag="a", checkpoint=path, quantization="awq")


def test_a_folder_without_a_config_is_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(ModelSpecError, match=r"config\.json"):
        ModelSpec(tag="a", checkpoint=str(tmp_path))


def test_a_gpu_plan_names_the_gpus_and_leaves_the_cpu_s_settings_out() -> None:
    spec = ModelSpec(
        tag="qwen3-vl-8b@int4",
        checkpoint="Qwen/Qwen3-VL-8B-Instruct",
        tensor_parallel_size=2,
        quantization="fp8",
    )
    plan = launch_plan(spec, gpus=(GPU, "GPU-1"), port=8100, seats=145)
    assert plan.env["CUDA_VISIBLE_DEVICES"] == f"{GPU},GPU-1"
    assert "PYTHONPATH" not in plan.env
    assert "HF_HUB_OFFLINE" not in plan.env
    assert "--enforce-eager" not in plan.argv
    assert flag(plan.argv, "--tensor-parallel-size") == "2"
    assert flag(plan.argv, "--mm-encoder-tp-mode") == "data"
    assert flag(plan.argv, "--quantization") == "fp8"
    assert flag(plan.argv, "--max-num-seqs") == "145"
    assert flag(plan.argv, "--scheduling-policy") == "priority"
    assert (plan.base_url, plan.served_model_name) == ("http://127.0.0.1:8100", "qwen3-vl-8b@int4")


def test_a_cpu_plan_is_offline_eager_and_bounded_in_threads() -> None:
    spec = ModelSpec(
        tag="default", cpu_threads=3, cpu_kv_cache_gib=2, max_model_len=4096, extra=("--seed", "7")
    )
    plan = launch_plan(spec, gpus=(), port=1, seats=21)
    assert "--enforce-eager" in plan.argv
    assert flag(plan.argv, "--max-model-len") == "4096"
    assert plan.argv[-2:] == ("--seed", "7")
    assert plan.env["OMP_NUM_THREADS"] == "3"
    assert plan.env["VLLM_CPU_KVCACHE_SPACE"] == "2"
    assert plan.env["HF_HUB_OFFLINE"] == "1"
    assert "--gpu-memory-utilization" not in plan.argv
    # One process for engine and model: two would spin on the cores while they wait for each other.
    assert flag(plan.argv, "--distributed-executor-backend").endswith("UniProcExecutor")


def test_a_group_of_another_size_than_the_spec_is_refused() -> None:
    two = ModelSpec(tag="two", checkpoint="Qwen/Qwen3-VL-8B-Instruct", tensor_parallel_size=2)
    with pytest.raises(ModelSpecError, match="but the group has 1"):
        launch_plan(two, gpus=(GPU,), port=1, seats=1)
    with pytest.raises(ModelSpecError, match="there is none here"):
        launch_plan(two, gpus=(), port=1, seats=1)
