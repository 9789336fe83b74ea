"""Training's shortcuts give what transformers gives: patches, prompts, and the whole forward pass."""

import json

import pytest
import torch

from sightline_workers.models import batched, checkpoint, config
from sightline_workers.models.batch import assemble
from sightline_workers.models.lessons import GROUP, sample
from sightline_workers.models.prompting import render
from sightline_workers.models.training import WATCHED

# isort: split
# After the models package, which makes torchvision importable beside a CPU-only torch.
from transformers import AutoProcessor, Qwen3VLForConditionalGeneration


@pytest.fixture(scope="module")
def processor():
    return AutoProcessor.from_pretrained(checkpoint.FOLDER)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return Qwen3VLForConditionalGeneration(config.build()).eval()


@pytest.mark.parametrize(
    ("task", "level"),
    [("ocr", 5), ("ocr", 12), ("boxes", 12), ("gui", 2), ("gui", 8), ("look", 3), ("talk", 0)],
)
def test_prompts_and_pixels_are_those_of_the_processor(processor, task, level):
    one = sample(task, level, 3 * GROUP)
    text = processor.apply_chat_template(one.messages, tokenize=False, add_generation_prompt=True)
    assert text == render(one.messages)
    batch = assemble(task, level, [one])
    length = int(batch.answers.argmax(1)[0])
    images = [one.scene.image] if one.scene else None
    inputs = processor(text=[text], images=images, return_tensors="pt")
    assert inputs["input_ids"][0].tolist() == batch.ids[0, :length].tolist()
    if one.scene:
        assert inputs["image_grid_thw"].tolist() == [[1, *batch.grid]]
        frames = inputs["pixel_values"].view(-1, 3, config.TEMPORAL, config.PATCH**2)
        pixels = torch.from_numpy(batch.pixels[0]).view(-1, 3, config.PATCH**2).float() / 127.5 - 1
        assert torch.allclose(frames[:, :, 0], pixels, atol=1e-5)
        assert torch.equal(frames[:, :, 0], frames[:, :, 1])


@pytest.mark.parametrize(("task", "level"), [("ocr", 12), ("gui", 4)])
def test_the_batched_forward_pass_is_that_of_transformers(model, task, level):
    batch = assemble(task, level, [sample(task, level, seed) for seed in range(3)])
    ids = torch.from_numpy(batch.ids)
    pixels = torch.from_numpy(batch.pixels).float() / 127.5 - 1
    frames = pixels.view(-1, 3, 1, config.PATCH**2).expand(-1, 3, config.TEMPORAL, -1).flatten(1)
    with torch.no_grad():
        seen = batched.see(model, pixels, batch.grid)
        last, attention = batched.read(model, ids, seen, batch.start, batch.grid, WATCHED)
        ours = model.lm_head(last)
        theirs = model(
            input_ids=ids,
            pixel_values=frames,
            image_grid_thw=torch.tensor([[1, *batch.grid]] * 3),
            mm_token_type_ids=(ids == model.config.image_token_id).int(),
        ).logits
    assert torch.allclose(ours, theirs, atol=1e-4)
    assert torch.allclose(attention.sum(-1), torch.ones(ids.shape), atol=1e-4)
    assert attention.triu(1).max() == 0


def test_the_shipped_checkpoint_is_small_and_a_qwen3_vl():
    settings = json.loads((checkpoint.FOLDER / "config.json").read_text())
    assert settings["architectures"] == ["Qwen3VLForConditionalGeneration"]
    assert (checkpoint.FOLDER / "model.safetensors").stat().st_size < 16_000_000
