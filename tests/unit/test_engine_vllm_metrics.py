"""Numbers read from vLLM's metrics page."""

import pytest

from sightline_workers.engines import vllm_metrics
from sightline_workers.engines.contract import EngineError

PAGE = b"""# HELP vllm:iteration_tokens_total x
vllm:iteration_tokens_total_sum{engine="0",model_name="a}b"} 12.0
vllm:iteration_tokens_total_sum{engine="1",model_name="a}b"} 30.0
vllm:cache_config_info{block_size="16",enable="True",engine="0",num_gpu_blocks="100"} 1.0
vllm:cache_config_info{block_size="16",enable="True",engine="1",num_gpu_blocks="100"} 1.0
plain 7
"""


def test_samples_of_all_engine_cores_are_added() -> None:
    assert vllm_metrics.total(PAGE, "vllm:iteration_tokens_total_sum") == 42
    assert vllm_metrics.total(PAGE, "plain") == 7
    assert vllm_metrics.kv_tokens(PAGE) == 3200


@pytest.mark.parametrize(
    "page", [b"", b'vllm:cache_config_info{block_size="16",num_gpu_blocks="None"} 1.0\n']
)
def test_a_page_without_the_numbers_is_an_error(page: bytes) -> None:
    with pytest.raises(EngineError):
        vllm_metrics.kv_tokens(page)
    with pytest.raises(EngineError):
        vllm_metrics.total(page, "vllm:iteration_tokens_total_sum")
