"""The small Qwen3-VL that ships with Sightline: how its data is drawn, how it is trained, measured and exported."""

# transformers imports torchvision and torchaudio, whose wheels may not match a CPU-only torch: the same remedy as for
# the engine, at work only when they are imported.
from ..engines.cpu_shim import sitecustomize as _companions  # noqa: F401
