"""The shipped checkpoint in real vLLM: what it answers, and that it answers as it did when it was measured."""

import base64
import io

import httpx
import pytest
import torch

from sightline.kinds.chat import prompt as chat
from sightline.kinds.gui import prompt as gui
from sightline.kinds.ocr import prompt as ocr
from sightline_workers.models import checkpoint
from sightline_workers.models.answering import answer
from sightline_workers.models.drawing import demo_images
from sightline_workers.models.evaluate import held_out
from sightline_workers.models.scoring import inside, point, score


def ask(url, messages, image=None):
    """The text that vLLM answers, greedily, with the image part replaced by a data URI."""
    buffer = io.BytesIO()
    if image is not None:
        image.save(buffer, "PNG")
    data = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()

    def part(one):
        return {"type": "image_url", "image_url": {"url": data}} if one["type"] == "image" else one

    asked = [
        message | {"content": content if isinstance(content, str) else [part(one) for one in content]}
        for message in messages
        for content in [message["content"]]
    ]
    reply = httpx.post(
        f"{url}/v1/chat/completions",
        json={"model": "default", "messages": asked, "temperature": 0, "max_tokens": 120},
        timeout=60,
    )
    reply.raise_for_status()
    choice = reply.json()["choices"][0]
    assert choice["finish_reason"] == "stop", choice
    return choice["message"]["content"]


def test_the_receipt_of_the_demo_is_read(vllm_url):
    drawn = demo_images()["ocr"]
    assert ask(vllm_url, ocr.messages(image=0, mode="text"), drawn.image) == drawn.text


def test_the_button_of_the_demo_is_clicked(vllm_url):
    drawn = demo_images()["gui"]
    messages = gui.messages(image=0, tool="computer_use", instruction=drawn.prompt)
    assert inside(point(ask(vllm_url, messages, drawn.image)), drawn.box, drawn.image.size)


def test_the_sign_of_the_demo_is_read(vllm_url):
    drawn = demo_images()["chat"]
    assert ask(vllm_url, chat.messages(prompt=drawn.prompt, images=[0]), drawn.image) == drawn.text


def test_small_talk_says_what_it_is(vllm_url):
    assert "Sightline" in ask(vllm_url, chat.messages(prompt="Who are you?"))


@pytest.mark.parametrize(("task", "level"), [("ocr", 4), ("gui", 1)])
def test_held_out_drawings_are_answered_as_they_were_when_the_model_was_measured(vllm_url, task, level):
    samples = held_out(task, level, 20)
    theirs = [ask(vllm_url, one.messages, one.scene.image) for one in samples]
    # Imported here: the models package must come first, it makes torchvision importable beside a CPU-only torch.
    from transformers import Qwen3VLForConditionalGeneration

    torch.set_num_threads(1)
    model = Qwen3VLForConditionalGeneration.from_pretrained(checkpoint.FOLDER, dtype=torch.float32).eval()
    ours = answer(model, samples)
    # Not all: vLLM computes in bf16, which tips the scales where two characters are about as likely.
    assert sum(left == right for left, right in zip(ours, theirs, strict=True)) >= 17
    figures = score(task, samples, theirs)
    assert (figures.lines if task == "ocr" else figures.inside) >= 0.8, figures
