"""Which GPUs this host has, through NVML, named by UUID: indexes change with drivers and containers, UUIDs do not."""

from dataclasses import dataclass

import pynvml


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """One GPU of this host."""

    index: int
    """NVML's index, as `--gpus` takes it."""
    uuid: str
    """`GPU-…`, as CUDA_VISIBLE_DEVICES takes it."""
    name: str
    memory_bytes: int


def found() -> list[Gpu]:
    """The GPUs of this host; none where there is no NVIDIA driver."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    try:
        return [_gpu(index) for index in range(pynvml.nvmlDeviceGetCount())]
    finally:
        pynvml.nvmlShutdown()


def _gpu(index: int) -> Gpu:
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    return Gpu(
        index=index,
        uuid=_text(pynvml.nvmlDeviceGetUUID(handle)),
        name=_text(pynvml.nvmlDeviceGetName(handle)),
        memory_bytes=pynvml.nvmlDeviceGetMemoryInfo(handle).total,
    )


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
