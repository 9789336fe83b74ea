"""The small model's tokenizer: short prompts, and any text there and back."""

import pytest

from sightline.kinds.gui import prompt as gui
from sightline.kinds.ocr import prompt as ocr
from sightline_workers.models import checkpoint, tokenizer

# isort: split
# After the models package, which makes torchvision importable beside a CPU-only torch.
from transformers import AutoTokenizer, Qwen2Tokenizer


@pytest.fixture(scope="module")
def shipped():
    return AutoTokenizer.from_pretrained(checkpoint.FOLDER)


def test_the_shipped_tokenizer_loads_as_qwens(shipped):
    assert isinstance(shipped, Qwen2Tokenizer)


@pytest.mark.parametrize(
    "text",
    [
        "Total 7.95",
        "héllo wörld ☃ 日本語",
        " two  spaces\n\n\tand a tab",
        "<tool_call>\n{}\n</tool_call>",
        "'tis 100 %",
    ],
)
def test_any_text_comes_back_as_it_was(shipped, text):
    ids = shipped(text)["input_ids"]
    assert shipped.decode(ids) == text
    assert ids == tokenizer.encode(text)


@pytest.mark.parametrize("tool", ["computer_use", "mobile_use"])
def test_the_shipped_tokenizer_still_knows_the_prompts_that_the_platform_asks(shipped, tool):
    # Fails after a change of a prompt: the model was trained on the old one, train it again.
    assert len(shipped(gui.system(tool))["input_ids"]) == 3


@pytest.mark.parametrize("mode", ["text", "boxes"])
def test_the_shipped_tokenizer_still_knows_the_prompts_of_ocr(shipped, mode):
    assert len(shipped(ocr.prompt(mode))["input_ids"]) == 1


def test_letters_and_digits_are_one_token_each(shipped):
    assert len(shipped("Invoice4711")["input_ids"]) == 11


def test_an_answer_that_clicks_is_short():
    answer = gui.answer(
        tool="computer_use", action="Click Save", arguments={"action": "left_click", "coordinate": [520, 80]}
    )
    assert len(tokenizer.encode(answer)) < 16


def test_each_step_of_a_place_is_one_token():
    for step in range(0, 1000, tokenizer.STEP):
        assert len(tokenizer.encode(f"[{step}, {step}]}}}}")) == 2
        if step >= tokenizer.LOWEST:
            assert len(tokenizer.encode(f"[{step}, {step}, {step}, {step}{tokenizer.CONTENT}")) == 4


def test_the_shipped_tokenizer_is_the_one_that_is_trained_with(shipped):
    assert shipped.get_added_vocab() == tokenizer.build().get_added_vocab()
