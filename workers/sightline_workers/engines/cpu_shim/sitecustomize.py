"""Lets vLLM start beside a CPU-only torch when torch's companions are the wheels built for CUDA.

torchvision, torchaudio and torchcodec on PyPI are linked against CUDA, so their extensions do not load
here, and importing them fails, each in its own way:

- torchvision: "operator torchvision::nms does not exist", because its pure-Python part registers shape
  functions for two operators. Declaring their schemas is enough.
- torchaudio: the dynamic loader's OSError. It may also be installed without its extension; saying "not
  there" instead of raising is enough.
- torchcodec: the same OSError, where vLLM expects an ImportError and then does without it.

vLLM and transformers import all three for Qwen3-VL, in several processes, before any vLLM plugin runs,
hence a `sitecustomize` on the engine's PYTHONPATH (see `vllm_server.launch_plan`). Qwen3-VL needs none
of the extensions. Where the wheels match torch, nothing is changed.
"""

import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

# A registration ends with its library object, so that must live as long as the process.
_libraries: list[Any] = []


def _declare_torchvision_operators() -> None:
    import torch

    if hasattr(torch.ops.torchvision, "nms"):
        return
    library = torch.library.Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _libraries.append(library)


class _DelegatingLoader(Loader):
    def __init__(self, loader: Loader) -> None:
        self.loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)


class _TorchaudioLoader(_DelegatingLoader):
    """Loads `torchaudio._extension.utils`, and makes its `_load_lib` answer False where it would raise."""

    def exec_module(self, module: ModuleType) -> None:
        self.loader.exec_module(module)
        load: Callable[[str], bool] = module._load_lib

        def load_if_loadable(library: str) -> bool:
            try:
                return load(library)
            except OSError:
                return False

        module._load_lib = load_if_loadable  # type: ignore[attr-defined]


class _TorchcodecLoader(_DelegatingLoader):
    """Loads `torchcodec`, and says that it cannot be imported in the way that importers expect."""

    def exec_module(self, module: ModuleType) -> None:
        try:
            self.loader.exec_module(module)
        except OSError as error:
            raise ImportError("torchcodec does not match this CPU-only torch") from error


_LOADERS: dict[str, type[_DelegatingLoader]] = {
    "torchaudio._extension.utils": _TorchaudioLoader,
    "torchcodec": _TorchcodecLoader,
}


class _Hook:
    """Acts at the first import of three modules and leaves all others to the ordinary finders."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name == "torchvision._meta_registrations":  # comes after torchvision tried its extension
            _declare_torchvision_operators()
        elif name in _LOADERS:
            spec = PathFinder.find_spec(name, path, target)
            if spec is not None and spec.loader is not None:
                spec.loader = _LOADERS[name](spec.loader)
            return spec
        return None


sys.meta_path.insert(0, _Hook())
