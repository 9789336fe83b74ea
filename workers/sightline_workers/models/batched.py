"""Qwen3-VL's forward pass over a batch of pictures of one size: the same numbers as transformers', much faster.

transformers attends to one picture after another and works out positions sample by sample. In training every picture
of a batch has the same grid at the same place in the prompt: all of this is one tensor. A test compares the two.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional
from transformers import Cache, Qwen3VLForConditionalGeneration
from transformers.vision_utils import get_vision_interpolation_indices_and_weights, get_vision_position_ids

from .config import MERGE


class Seen(NamedTuple):
    """What the vision tower makes of a batch of pictures: (batch, image tokens, text width) each."""

    merged: Tensor
    deepstack: list[Tensor]

    def repeated(self, times: int) -> Seen:
        """Each picture `times` times in a row."""
        return Seen(
            self.merged.repeat_interleave(times, 0),
            [one.repeat_interleave(times, 0) for one in self.deepstack],
        )


@lru_cache(maxsize=32)
def _places(rows: int, columns: int, side: int) -> tuple[Tensor, Tensor, Tensor]:
    """Indices and weights into the position table, and (2, patches) row and column numbers, of a grid of patches."""
    grid = torch.tensor([[1, rows, columns]])
    indices, weights = get_vision_interpolation_indices_and_weights(
        grid, num_grid_per_side=side, mode="bilinear", align_corners=True, spatial_merge_size=MERGE
    )
    return indices, weights, get_vision_position_ids(grid, MERGE)


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-second, first), dim=-1) * sin


def _attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention of (batch, heads, patches, width) without a mask.

    Spelled out, because the backward pass of torch's fused attention takes most of a step on a CPU.
    """
    if query.device.type != "cpu":
        return functional.scaled_dot_product_attention(query, key, value.to(query.dtype))
    shape = query.shape
    query, key, value = (x.flatten(0, 1) for x in (query * shape[-1] ** -0.5, key, value))
    weights = torch.bmm(query, key.transpose(1, 2)).softmax(-1)
    return torch.bmm(weights.to(value.dtype), value).view(shape)


def see(
    model: Qwen3VLForConditionalGeneration, pixels: Tensor, grid: tuple[int, int], *, deep: bool = True
) -> Seen:
    """Run the vision tower on `pixels`, (batch, patches, 768) from -1 to 1, of `grid` rows and columns of patches.

    Without `deep` the deepstack is left out, which only the text model needs.
    """
    tower = model.model.visual
    batch, count, _ = pixels.shape
    indices, weights, places = (x.to(pixels.device) for x in _places(*grid, tower.num_grid_per_side))
    positions = (tower.pos_embed(indices) * weights[..., None]).sum(1)
    cos, sin = tower.rotary_pos_emb(positions, places)
    # A still image is the same frame twice: one frame against the sum of both frames' weights.
    weight = tower.patch_embed.proj.weight.sum(2).flatten(1)
    x = functional.linear(pixels, weight, tower.patch_embed.proj.bias) + positions
    width = x.shape[-1]
    deepstack = []
    for number, block in enumerate(tower.blocks):
        qkv = block.attn.qkv(block.norm1(x)).view(batch, count, 3, block.attn.num_heads, -1)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        seen = _attend(_rotate(query, cos, sin), _rotate(key, cos, sin), value)
        x = x + block.attn.proj(seen.transpose(1, 2).reshape(batch, count, width))
        x = x + block.mlp(block.norm2(x))
        if deep and number in tower.deepstack_visual_indexes:
            merger = tower.deepstack_merger_list[tower.deepstack_visual_indexes.index(number)]
            deepstack.append(merger(x).view(batch, count // MERGE**2, -1))
    return Seen(tower.merger(x).view(batch, count // MERGE**2, -1), deepstack)


def positions(length: int, start: int, grid: tuple[int, int]) -> Tensor:
    """(3, length) positions in time, height and width of a prompt whose image tokens begin at `start`."""
    rows, columns = grid[0] // MERGE, grid[1] // MERGE
    result = torch.arange(length).expand(3, -1).clone()
    if rows:
        end = start + rows * columns
        result[0, start:end] = start
        result[1, start:end] = start + torch.arange(rows).repeat_interleave(columns)
        result[2, start:end] = start + torch.arange(columns).repeat(rows)
        result[:, end:] = torch.arange(length - end) + start + max(rows, columns)
    return result


def hidden(
    model: Qwen3VLForConditionalGeneration,
    ids: Tensor,
    seen: Seen | None,
    start: int,
    grid: tuple[int, int],
    cache: Cache,
) -> Tensor:
    """The text model's last hidden states, (batch, length, width); keys and values go into `cache`."""
    batch, length = ids.shape
    x = _embed(model, ids, seen, start)
    mask = None
    if seen is not None:
        mask = torch.zeros(batch, length, dtype=torch.bool, device=ids.device)
        mask[:, start : start + seen.merged.shape[1]] = True
    place = positions(length, start, grid).to(ids.device)[:, None].expand(3, batch, length)
    return model.model.language_model(
        inputs_embeds=x,
        position_ids=place,
        past_key_values=cache,
        use_cache=True,
        visual_pos_masks=mask,
        deepstack_visual_embeds=[one.flatten(0, 1) for one in seen.deepstack] if seen else None,
    ).last_hidden_state


def _embed(model: Qwen3VLForConditionalGeneration, ids: Tensor, seen: Seen | None, start: int) -> Tensor:
    """Token embeddings with the picture in its place."""
    x = model.model.language_model.embed_tokens(ids)
    if seen is None:
        return x
    return torch.cat((x[:, :start], seen.merged.to(x.dtype), x[:, start + seen.merged.shape[1] :]), dim=1)


def _norm(x: Tensor, norm: Any) -> Tensor:
    return functional.rms_norm(x, x.shape[-1:], norm.weight.to(x.dtype), norm.variance_epsilon)


def read(
    model: Qwen3VLForConditionalGeneration,
    ids: Tensor,
    seen: Seen | None,
    start: int,
    grid: tuple[int, int],
    watched: int,
) -> tuple[Tensor, Tensor]:
    """The text model without a cache: last hidden states, and the attention of the first head of layer `watched`.

    They are (batch, length, width) and (batch, length, length). Without hooks, so that two threads can use one model.
    """
    text = model.model.language_model
    batch, length = ids.shape
    x = _embed(model, ids, seen, start)
    place = positions(length, start, grid).to(ids.device)[:, None]
    cos, sin = (one[:, None] for one in text.rotary_emb(x, place))
    later = torch.full((length, length), float("-inf"), device=x.device).triu(1)
    attention = x.new_zeros(())
    for number, layer in enumerate(text.layers):
        inner, heads = layer.self_attn, (batch, length, -1, layer.self_attn.head_dim)
        normed = _norm(x, layer.input_layernorm)
        query = _norm(inner.q_proj(normed).view(heads), inner.q_norm).transpose(1, 2)
        key = _norm(inner.k_proj(normed).view(heads), inner.k_norm).transpose(1, 2)
        value = inner.v_proj(normed).view(heads).transpose(1, 2)
        query = _rotate(query, cos.to(query.dtype), sin.to(query.dtype)) * inner.scaling
        key = _rotate(key, cos.to(key.dtype), sin.to(key.dtype))
        weights = ((query @ key.transpose(2, 3)).float() + later).softmax(-1)
        if number == watched:
            attention = weights[:, 0]
        mixed = (weights.to(value.dtype) @ value).transpose(1, 2).reshape(batch, length, -1)
        x = x + inner.o_proj(mixed)
        normed = _norm(x, layer.post_attention_layernorm)
        x = x + layer.mlp.down_proj(functional.silu(layer.mlp.gate_proj(normed)) * layer.mlp.up_proj(normed))
        if seen is not None and number < len(seen.deepstack):
            deep = seen.deepstack[number].to(x.dtype)
            x = x + functional.pad(deep, (0, 0, start, length - start - deep.shape[1]))
    return _norm(x, text.norm), attention
