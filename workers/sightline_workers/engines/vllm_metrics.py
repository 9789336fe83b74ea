"""The few numbers that we read from an engine's `/metrics` (Prometheus text, vLLM's names)."""

import re

from . import classify

_LABEL = re.compile(rb'(\w+)="((?:[^"\\]|\\.)*)"')


def total(page: bytes, name: str) -> float:
    """Sum of a metric over all its label sets (one for each engine core). Raises `EngineError` if absent."""
    values = re.findall(rb"^" + re.escape(name.encode()) + rb"(?:\{.*\})? (\S+)", page, re.MULTILINE)
    if not values:
        raise classify.unexpected(f"/metrics without {name}")
    return sum(float(value) for value in values)


def kv_tokens(page: bytes) -> int:
    """Tokens that the KV cache holds, over all engine cores.

    `vllm:cache_config_info` carries the cache's configuration in its labels. Raises `EngineError` where
    it, or the number of blocks in it, is absent.
    """
    tokens = 0
    for labels in re.findall(rb"^vllm:cache_config_info\{(.*)\} ", page, re.MULTILINE):
        values = dict(_LABEL.findall(labels))
        try:
            tokens += int(values[b"num_gpu_blocks"]) * int(values[b"block_size"])
        except (KeyError, ValueError) as error:
            raise classify.unexpected(f"vllm:cache_config_info without block counts ({error})") from error
    if not tokens:
        raise classify.unexpected("/metrics without vllm:cache_config_info")
    return tokens
