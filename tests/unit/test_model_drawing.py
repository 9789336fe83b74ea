"""The drawings that the small model is trained on and that tests and the demo show it."""

import pytest

from sightline.comparison.boxes import MATCH, iou
from sightline_workers.models.batch import draw
from sightline_workers.models.config import MERGE, PATCH
from sightline_workers.models.drawing import PageStyle, demo_images, draw_page
from sightline_workers.models.lessons import GROUP, LEVELS, TASKS, sample
from sightline_workers.models.scoring import call, inside, parse
from sightline_workers.models.windows import DARK, EVERYTHING

EVERY_LEVEL = [(task, level) for task in TASKS for level in range(LEVELS[task])]


@pytest.mark.parametrize(("task", "level"), EVERY_LEVEL)
def test_a_seed_always_draws_the_same_picture(task, level):
    first, second = sample(task, level, 7), sample(task, level, 7)
    assert first.messages == second.messages
    assert first.answer == second.answer
    if first.scene is not None:
        assert first.scene.image.tobytes() == second.scene.image.tobytes()


@pytest.mark.parametrize(("task", "level"), EVERY_LEVEL)
def test_every_picture_is_made_of_whole_image_tokens_and_holds_all_that_is_drawn(task, level):
    for seed in range(0, 20 * GROUP, GROUP):
        scene = sample(task, level, seed).scene
        if scene is None:
            continue
        width, height = scene.image.size
        assert width % (PATCH * MERGE) == 0
        assert height % (PATCH * MERGE) == 0
        boxes = [glyph.box for glyph in scene.glyphs] + [element.box for element in scene.elements]
        assert all(0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height for x1, y1, x2, y2 in boxes)


@pytest.mark.parametrize(("task", "level"), EVERY_LEVEL)
def test_the_pictures_of_a_batch_have_one_size(task, level):
    batch = draw(task, level, 4, seed=3)
    assert batch.ids.shape[0] == 4 * batch.questions
    assert batch.pixels is None or batch.pixels.shape[0] == 4


@pytest.mark.parametrize("level", range(LEVELS["gui"]))
def test_the_expected_click_lies_inside_the_named_control(level):
    for seed in range(40):
        one = sample("gui", level, seed)
        at = parse(one, one.answer).point
        if at is None:
            assert call(one.answer)["action"] in ("terminate", "type")
            continue
        label = one.answer.removeprefix("Action: Click ").partition("\n")[0]
        wanted = next(element for element in one.scene.elements if element.label == label)
        assert inside(at, wanted.box)


def test_the_last_level_asks_for_every_kind_of_action_on_both_tools():
    answers = [sample("gui", LEVELS["gui"] - 1, seed).answer for seed in range(0, 400 * GROUP, GROUP)]
    assert {tuple(call(text).get(name) for name in ("action", "status")) for text in answers} == {
        ("left_click", None),
        ("click", None),
        ("type", None),
        ("terminate", "success"),
        ("terminate", "failure"),
    }
    kinds = {element.kind for seed in range(50) for element in sample("gui", DARK, seed).scene.elements}
    assert kinds == {"button", "field", "menu", "checkbox"}


@pytest.mark.parametrize("level", range(LEVELS["gui"]))
def test_no_two_controls_touch_or_share_a_label(level):
    for seed in range(30):
        elements = sample("gui", level, seed).scene.elements
        assert len({element.label for element in elements}) == len(elements)
        for index, one in enumerate(elements):
            for other in elements[index + 1 :]:
                # Words of a menu bar are one beside the other.
                if one.kind == other.kind == "menu":
                    continue
                apart = (
                    one.box[2] <= other.box[0]
                    or other.box[2] <= one.box[0]
                    or one.box[3] <= other.box[1]
                    or other.box[3] <= one.box[1]
                )
                assert apart, (level, seed, one, other)


@pytest.mark.parametrize("task", ["gui", "look"])
def test_the_text_of_dark_windows_is_light(task):
    for seed in range(0, 20 * GROUP, GROUP):
        scene = sample(task, DARK, seed).scene
        grey = scene.image.convert("L")
        for line in scene.lines:
            pixels = grey.crop(line.box).tobytes()
            low, high = min(pixels), max(pixels)
            assert high - low > 90
            assert sum(value < (low + high) / 2 for value in pixels) > len(pixels) / 2


def test_buttons_of_dark_windows_have_names_of_colours_that_light_ones_lack():
    shown = {
        level: {
            element.colour
            for seed in range(0, 60 * GROUP, GROUP)
            for element in sample("look", level, seed).scene.elements
            if element.kind == "button"
        }
        for level in (EVERYTHING, DARK)
    }
    assert shown[DARK] - shown[EVERYTHING] == {"black"}
    assert shown[EVERYTHING] - shown[DARK] == {"white"}


def test_a_box_covers_the_line_that_it_names():
    for seed in range(0, 40 * GROUP, GROUP):
        one = sample("boxes", LEVELS["boxes"] - 1, seed)
        blocks = parse(one, one.answer).blocks
        assert [block.text for block in blocks] == [line.text for line in one.scene.lines]
        overlaps = [iou(line.box, block.box) for line, block in zip(one.scene.lines, blocks, strict=True)]
        assert min(overlaps) >= MATCH


def test_text_that_does_not_fit_on_the_page_is_refused():
    with pytest.raises(ValueError, match="does not fit"):
        draw_page(["twenty-one characters"], PageStyle())


def test_the_demo_has_a_picture_for_each_kind_and_the_right_answer_is_on_it():
    images = demo_images()
    assert set(images) == {"ocr", "gui", "chat"}
    box, (width, height) = images["gui"].box, images["gui"].image.size
    assert 0 <= box[0] < box[2] <= width
    assert 0 <= box[1] < box[3] <= height
    assert images["gui"].text in images["gui"].prompt
    assert images["ocr"].text.count("\n") == 2


def test_ink_differs_from_paper():
    for seed in range(40):
        scene = sample("ocr", LEVELS["ocr"] - 1, seed).scene
        low, high = scene.image.convert("L").getextrema()
        assert high - low > 40
