"""Greedy answers for many samples at once, as an engine at temperature 0 would give them, but quickly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import torch
from tqdm import tqdm
from transformers import DynamicCache, Qwen3VLForConditionalGeneration

from . import batched
from .batch import assemble
from .lessons import Sample
from .prompting import CUT_OFF, render
from .tokenizer import decode, encode, token_ids


@torch.no_grad()
def answer(
    model: Qwen3VLForConditionalGeneration,
    samples: Sequence[Sample],
    *,
    longest: int = 120,
    size: int = 50,
    what: str | None = None,
) -> list[str]:
    """The model's answer to each of `samples`, of at most `longest` tokens, `size` samples at a time.

    With a progress bar that says `what`, if it is given.

    An answer that does not end by itself has `CUT_OFF` behind it.
    """
    groups: dict[tuple[int, object], list[int]] = defaultdict(list)
    for index, one in enumerate(samples):
        picture = one.scene.image.size if one.scene else None
        groups[len(encode(render(one.messages))), picture].append(index)
    found: dict[int, str] = {}
    bar = tqdm(total=len(samples), desc=what, unit="drawing", disable=what is None or None)
    for members in groups.values():
        for first in range(0, len(members), size):
            part = members[first : first + size]
            texts = _generate(model, [samples[index] for index in part], longest)
            found.update(zip(part, texts, strict=True))
            bar.update(len(part))
    bar.close()
    return [found[index] for index in range(len(samples))]


def _generate(model: Qwen3VLForConditionalGeneration, samples: list[Sample], longest: int) -> list[str]:
    """Answers to samples whose prompts are equally long."""
    batch = assemble("talk", 0, samples)
    length = int(batch.answers.argmax(1)[0])
    ids = torch.from_numpy(batch.ids[:, :length])
    cache = DynamicCache(config=model.config.text_config)
    seen = None
    if batch.pixels is not None:
        pixels = torch.from_numpy(batch.pixels).float().div_(127.5).sub_(1)
        seen = batched.see(model, pixels, batch.grid)
    hidden = batched.hidden(model, ids, seen, batch.start, batch.grid, cache=cache)
    place = int(batched.positions(length, batch.start, batch.grid)[0, -1])
    end = token_ids()["<|im_end|>"]
    written: list[torch.Tensor] = []
    done = torch.zeros(len(samples), dtype=torch.bool)
    for step in range(longest):
        token = model.lm_head(hidden[:, -1]).argmax(-1)
        written.append(token)
        done |= token == end
        if done.all() or step + 1 == longest:
            break
        hidden = model.model.language_model(
            input_ids=token[:, None],
            position_ids=torch.full((3, len(samples), 1), place + 1 + step),
            past_key_values=cache,
            use_cache=True,
        ).last_hidden_state
    texts = []
    for row in torch.stack(written, dim=1).tolist():
        texts.append(decode(row[: row.index(end)]) if end in row else decode(row) + CUT_OFF)
    return texts
