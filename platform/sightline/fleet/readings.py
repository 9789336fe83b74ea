"""What a group's supervisor measures of its engine and its GPUs, every few seconds."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Readings:
    """One look. What nobody can tell is None."""

    running: int | None = None
    """Requests that the engine decodes or prefills."""
    waiting: int | None = None
    """Requests in the engine's own queue; more than none for long means too many seats."""
    kv_usage: float | None = None
    """Share of the KV cache in use, 0 to 1."""
    preemptions: int | None = None
    """Sequences that were pushed out for want of KV blocks since the engine's start; should stay 0."""
    generated_tokens: int | None = None
    """Tokens generated since the engine's start."""
    tokens_per_s: float | None = None
    """Tokens generated a second since the look before."""
    prefix_cache_queries: int | None = None
    """Prompt tokens that were looked up in the prefix cache since the engine's start."""
    prefix_cache_hits: int | None = None
    """Those of them that were there: neither the vision encoder nor prefill saw them again."""
    image_cache_queries: int | None = None
    """Images that were looked up among the preprocessed ones since the engine's start."""
    image_cache_hits: int | None = None
    """Those of them that were there; most of these came by name alone."""
    tokens_in_flight: int = 0
    """Tokens granted to the requests aboard."""
    gpu_load: float | None = None
    """Mean share of time that the group's GPUs were busy, 0 to 1."""
    gpu_memory_bytes: int | None = None
    """Memory in use, over the group's GPUs."""
    gpu_memory_total_bytes: int | None = None
