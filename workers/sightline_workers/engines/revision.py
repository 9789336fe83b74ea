"""What an engine serves, as twelve characters: two engines with the same ones give the same answers.

The platform's cache keeps answers apart by them. They hold the weights, the files beside them, what the tag says in
SIGHTLINE_MODELS, and our own code between a kind's messages and the engine.
"""

import base64
import hashlib
import json
import os
import struct
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

LENGTH = 12
_SAMPLE_BYTES = 4096
"""Read from the beginning and the middle of every tensor: training moves all of a tensor that it moves at all."""
_SMALL_BYTES = 64 * 2**20
"""Files that are read whole, together."""
_ROOT = Path(__file__).parents[1]
_CODE = ("messages.py", "attempt.py", "engines/openai_http.py", "engines/answer.py")


def of_checkpoint(checkpoint: str, spec: Mapping[str, Any]) -> str:
    """A checkpoint in a folder by what it holds, one on the hub by its name and the commit that is cached here."""
    folder = Path(checkpoint).expanduser()
    if folder.is_dir():
        return _text(["folder", spec, *_contents(folder)])
    return _text(["hub", checkpoint, _commit(checkpoint), spec])


def of_twin(options: Sequence[str]) -> str:
    """The simulated engine answers by its code and its options."""
    code = [file.read_bytes() for file in sorted((_ROOT / "engines" / "twin").glob("*.py"))]
    return _text(["twin", list(options), *(hashlib.sha256(text).hexdigest() for text in code)])


def of_cards(cards: Sequence[Mapping[str, Any]], spec: Mapping[str, Any]) -> str:
    """An engine elsewhere, by what it says of its models and what our settings say of the tag."""
    told = [[card.get(name) for name in ("id", "root", "parent", "max_model_len")] for card in cards]
    return _text(["elsewhere", sorted(told, key=str), spec])


def _text(parts: Sequence[Any]) -> str:
    code = [hashlib.sha256((_ROOT / name).read_bytes()).hexdigest() for name in _CODE]
    text = json.dumps([code, *parts], sort_keys=True, default=str)
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode()[:LENGTH]


def _contents(folder: Path) -> Iterable[list[Any]]:
    files = sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith("."))
    left = _SMALL_BYTES
    for file in files:
        size = file.stat().st_size
        if size <= left:
            left -= size
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
        elif file.suffix == ".safetensors":
            digest = _samples(file)
        else:
            digest = _ends(file, size)
        yield [file.name, size, digest]


def _samples(file: Path) -> str:
    """The header of a safetensors file and some bytes of each of its tensors."""
    digest = hashlib.sha256()
    with file.open("rb") as data:
        (length,) = struct.unpack("<Q", data.read(8))
        header = data.read(length)
        digest.update(header)
        for name, tensor in sorted(json.loads(header).items()):
            if name == "__metadata__":
                continue
            begin, end = tensor["data_offsets"]
            for offset in (begin, (begin + end) // 2):
                data.seek(8 + length + offset)
                digest.update(data.read(min(_SAMPLE_BYTES, end - offset)))
    return digest.hexdigest()


def _ends(file: Path, size: int) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as data:
        for offset in (0, size // 2, max(0, size - 2**20)):
            data.seek(offset)
            digest.update(data.read(2**20))
    return digest.hexdigest()


def _commit(name: str) -> str:
    """The commit of a hub checkpoint that vLLM loads, as the hub's own cache folder has it; empty: not there yet."""
    home = Path(os.environ.get("HF_HOME") or "~/.cache/huggingface").expanduser()
    hub = Path(os.environ.get("HF_HUB_CACHE") or home / "hub")
    reference = hub / ("models--" + name.replace("/", "--")) / "refs" / "main"
    return reference.read_text().strip() if reference.is_file() else ""
