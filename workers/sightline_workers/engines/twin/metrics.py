"""`/metrics` of a simulated engine: vLLM's names, in Prometheus' text format."""

from .engine import TwinEngine

# Tokens in a block of vLLM's KV cache.
BLOCK_SIZE = 16


def page(engine: TwinEngine) -> bytes:
    """The whole page."""
    options, scheduler, record = engine.options, engine.scheduler, engine.record
    prefixes, known = engine.prefixes, engine.known_images
    label = f'{{engine="0",model_name="{options.model}"}}'
    tokens = record.prompt_tokens + record.generated_tokens
    rows: list[tuple[str, str, str, float]] = [
        ("vllm:num_requests_running", "gauge", "", scheduler.running),
        ("vllm:num_requests_waiting", "gauge", "", scheduler.waiting),
        ("vllm:kv_cache_usage_perc", "gauge", "", min(1.0, scheduler.kv_used / options.kv_tokens)),
        ("vllm:num_preemptions", "counter", "_total", 0),
        ("vllm:prompt_tokens", "counter", "_total", record.prompt_tokens),
        ("vllm:generation_tokens", "counter", "_total", record.generated_tokens),
        ("vllm:prefix_cache_queries", "counter", "_total", prefixes.queries),
        ("vllm:prefix_cache_hits", "counter", "_total", prefixes.hits),
        ("vllm:mm_cache_queries", "counter", "_total", known.queries),
        ("vllm:mm_cache_hits", "counter", "_total", known.hits),
        ("vllm:iteration_tokens_total", "histogram", "_count", record.iterations),
        ("vllm:iteration_tokens_total", "histogram", "_sum", tokens),
    ]
    lines: list[str] = []
    typed = ""
    for name, kind, suffix, value in rows:
        if name != typed:
            lines.append(f"# TYPE {name} {kind}")
            typed = name
        lines.append(f"{name}{suffix}{label} {float(value)}")
    for outcome, count in record.outcomes.items():
        lines.append(
            f'vllm:request_success_total{{engine="0",finished_reason="{outcome}",'
            f'model_name="{options.model}"}} {float(count)}'
        )
    blocks = options.kv_tokens // BLOCK_SIZE
    lines.append("# TYPE vllm:cache_config_info gauge")
    lines.append(
        f'vllm:cache_config_info{{block_size="{BLOCK_SIZE}",engine="0",num_gpu_blocks="{blocks}"}} 1.0'
    )
    return "\n".join(lines).encode() + b"\n"
