"""Which checkpoint a model tag stands for, and how vLLM is to run it: the values of SIGHTLINE_MODELS."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

# The small Qwen3-VL that ships with Sightline.
SHIPPED_CHECKPOINT = str(Path(__file__).parents[1] / "models" / "qwen3-vl-sightline")
# Qwen3-VL's native context; longer ones need rope scaling, which we do not set up.
LONGEST_CONTEXT = 262_144

_TAG = re.compile(r"[a-z0-9][a-z0-9@._-]{0,63}")
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
_DTYPES = ("auto", "bfloat16", "float16", "float32")
_QUANTIZATIONS = ("awq", "gptq", "fp8")
_KV_DTYPES = ("auto", "bfloat16", "float16", "fp8", "fp8_e4m3", "fp8_e5m2")
# Flags that `launch_plan` decides; a spec that set them would break what the platform relies on.
_RESERVED = (
    *("--model", "--served-model-name", "--host", "--port", "--uds", "--api-key"),
    *("--max-num-seqs", "--max-num-queued-reqs", "--scheduling-policy"),
    *("--allowed-media-domains", "--allowed-local-media-path"),
)


class ModelSpecError(ValueError):
    """A spec that cannot work; the message names the tag, the field and what it may be."""


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """One model tag. Raises `ModelSpecError` when a value cannot work."""

    # What jobs name in `model`, and what vLLM serves it under.
    tag: str
    # A folder with a checkpoint, or a name on the model hub.
    checkpoint: str = SHIPPED_CHECKPOINT
    # Weights' and activations' type; "auto" takes the checkpoint's.
    dtype: str = "auto"
    # "awq" and "gptq" are properties of the checkpoint and are checked against it; "fp8" quantizes any
    # checkpoint while it is loaded. None takes the checkpoint as it is.
    quantization: str | None = None
    # GPUs that share one instance of the model.
    tensor_parallel_size: int = 1
    # Tokens of prompt and answer together; None takes the checkpoint's own limit.
    max_model_len: int | None = None
    # Element type of the KV cache; fp8 halves it.
    kv_cache_dtype: str = "auto"
    # Cut long prefills into pieces that run beside decoding requests.
    chunked_prefill: bool = True
    # Keep the KV cache of common prefixes.
    prefix_caching: bool = True
    # Tokens in one engine step; None leaves it to vLLM.
    max_num_batched_tokens: int | None = None
    # Share of a GPU's memory that vLLM takes, 0 to 1.
    gpu_memory_utilization: float = 0.9
    # Most media that one request may carry, by modality.
    limit_mm_per_prompt: Mapping[str, int] = field(default_factory=lambda: {"image": 16, "video": 1})
    # GiB of KV cache on a machine without a GPU.
    cpu_kv_cache_gib: int = 1
    # OpenMP threads on a machine without a GPU; None takes half the cores.
    cpu_threads: int | None = None
    # How vLLM finds OpenAI tool calls in the text of requests that have `tools`; None switches that off.
    tool_call_parser: str | None = "hermes"
    # Further flags for vLLM's server, such as ["--reasoning-parser", "qwen3"].
    extra: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._require(_TAG.fullmatch(self.tag), "tag", "a–z, 0–9, @, dot, _ and -, as in qwen3-vl-8b@int4")
        self._require(self.dtype in _DTYPES, "dtype", f"one of {', '.join(_DTYPES)}")
        self._require(
            self.quantization in (None, *_QUANTIZATIONS),
            "quantization",
            f"one of {', '.join(_QUANTIZATIONS)}, or absent",
        )
        self._require(self.kv_cache_dtype in _KV_DTYPES, "kv_cache_dtype", f"one of {', '.join(_KV_DTYPES)}")
        self._require_whole("tensor_parallel_size", 1, 64)
        self._require_whole("max_model_len", 256, LONGEST_CONTEXT, optional=True)
        self._require_whole("max_num_batched_tokens", 256, 1_048_576, optional=True)
        self._require_whole("cpu_kv_cache_gib", 1, 4096)
        self._require_whole("cpu_threads", 1, 1024, optional=True)
        share = self.gpu_memory_utilization
        self._require(
            isinstance(share, (int, float)) and not isinstance(share, bool) and 0 < share <= 1,
            "gpu_memory_utilization",
            "above 0 and at most 1",
        )
        for name in ("chunked_prefill", "prefix_caching"):
            self._require(isinstance(getattr(self, name), bool), name, "true or false")
        if not self.chunked_prefill and self.max_num_batched_tokens is not None:
            self._require(
                self.max_model_len is not None and self.max_num_batched_tokens >= self.max_model_len,
                "max_num_batched_tokens",
                "at least max_model_len, which must be set too, when chunked_prefill is off",
            )
        limits = self.limit_mm_per_prompt
        self._require(
            isinstance(limits, Mapping)
            and limits.keys() <= {"image", "video"}
            and all(type(limit) is int and limit >= 0 for limit in limits.values()),
            "limit_mm_per_prompt",
            'counts by modality, such as {"image": 16, "video": 1}',
        )
        parser = self.tool_call_parser
        self._require(
            parser is None or (isinstance(parser, str) and parser != ""),
            "tool_call_parser",
            "a parser's name",
        )
        self._check_extra()
        self._check_checkpoint()

    @property
    def is_local(self) -> bool:
        """Whether the checkpoint is a folder of this machine."""
        return Path(self.checkpoint).expanduser().is_dir()

    def _check_extra(self) -> None:
        strings = isinstance(self.extra, tuple) and all(isinstance(word, str) for word in self.extra)
        self._require(strings, "extra", "a list of strings, flags and their values")
        taken = sorted({word.partition("=")[0] for word in self.extra} & set(_RESERVED))
        self._require(not taken, "extra", f"without {', '.join(taken)}, which Sightline sets itself")

    def _check_checkpoint(self) -> None:
        self._require(
            isinstance(self.checkpoint, str) and (self.is_local or _HUB_NAME.fullmatch(self.checkpoint)),
            "checkpoint",
            "an existing folder, or a hub name such as Qwen/Qwen3-VL-4B-Instruct",
        )
        if not self.is_local:
            return
        config_path = Path(self.checkpoint).expanduser() / "config.json"
        self._require(config_path.is_file(), "checkpoint", "a folder with a config.json in it")
        config = json.loads(config_path.read_text())
        if self.quantization in ("awq", "gptq"):
            method = str((config.get("quantization_config") or {}).get("quant_method"))
            self._require(
                method.startswith(self.quantization),
                "quantization",
                f"what the checkpoint was made with: its config.json says {method}",
            )

    def _require_whole(self, name: str, low: int, high: int, *, optional: bool = False) -> None:
        value = getattr(self, name)
        fits = type(value) is int and low <= value <= high
        self._require(fits or (optional and value is None), name, f"a whole number from {low} to {high}")

    def _require(self, fits: object, name: str, what: str) -> None:
        if not fits:
            value = getattr(self, name)
            raise ModelSpecError(f"Model {self.tag!r}: {name} is {value!r}; it must be {what}.")


def parse_models(models: str | Mapping[str, Any]) -> dict[str, ModelSpec]:
    """SIGHTLINE_MODELS, as JSON text or already parsed: {tag: {field: value}}. Raises `ModelSpecError`."""
    if isinstance(models, str):
        try:
            models = json.loads(models)
        except ValueError as error:
            raise ModelSpecError(f"SIGHTLINE_MODELS is no JSON: {error}") from error
    if not isinstance(models, Mapping) or not models:
        raise ModelSpecError('SIGHTLINE_MODELS must be an object such as {"default": {}}.')
    known = {item.name for item in fields(ModelSpec)} - {"tag"}
    specs = {}
    for tag, values in models.items():
        if not isinstance(values, Mapping):
            raise ModelSpecError(f"Model {tag!r} must be an object of fields, not {values!r}.")
        unknown = sorted(values.keys() - known)
        if unknown:
            raise ModelSpecError(
                f"Model {tag!r} has no field {', '.join(unknown)}; there are {', '.join(sorted(known))}."
            )
        given = dict(values)
        if isinstance(given.get("extra"), list):
            given["extra"] = tuple(given["extra"])
        specs[str(tag)] = ModelSpec(tag=str(tag), **given)
    return specs


def half_the_cores() -> int:
    """OpenMP threads that leave room for vLLM's other processes and for ours."""
    return max(1, len(os.sched_getaffinity(0)) // 2)
