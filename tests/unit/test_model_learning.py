"""How training decides what to draw next, and how answers are scored."""

import json

import pytest
import torch
from safetensors.torch import load_file

from sightline_workers.models import checkpoint, figures, places, truth
from sightline_workers.models.batch import assemble, draw
from sightline_workers.models.curriculum import HOME, WIDER, Curriculum
from sightline_workers.models.drawing import Control, PageStyle, WindowStyle, draw_page, draw_window
from sightline_workers.models.heads import looking
from sightline_workers.models.lessons import GROUP, LEVELS, Sample, sample
from sightline_workers.models.looks import Look, spotted
from sightline_workers.models.prompting import CUT_OFF
from sightline_workers.models.scoring import Answer, Block, Score, inside, parse, point, right, score
from sightline_workers.models.sets import SETS
from sightline_workers.models.tokenizer import decode, encode
from sightline_workers.models.training import Training


def test_a_task_goes_up_when_most_of_its_answers_are_right():
    curriculum = Curriculum()
    went_up = [curriculum.learn("ocr", 0, 1.0) for _ in range(30)]
    assert went_up.index(True) > 10
    assert curriculum.tasks["ocr"].level == 1


def test_easier_batches_do_not_count():
    curriculum = Curriculum()
    curriculum.tasks["ocr"].level = 2
    assert not any(curriculum.learn("ocr", 1, 1.0) for _ in range(50))
    assert curriculum.tasks["ocr"].level == 2


def test_a_task_climbs_as_far_as_its_home():
    curriculum = Curriculum()
    for _ in range(3000):
        curriculum.learn("gui", curriculum.tasks["gui"].level, 1.0)
    assert curriculum.tasks["gui"].level == HOME["gui"] < LEVELS["gui"] - 1


def test_at_home_a_fixed_share_of_batches_is_wider():
    curriculum = Curriculum()
    for task, home in HOME.items():
        curriculum.tasks[task].level = home
    drawn = [curriculum.choose(step) for step in range(3000)]
    for task, share in WIDER.items():
        levels = [level for one, level in drawn if one == task]
        beyond = [level for level in levels if level > HOME[task]]
        assert len(beyond) / len(levels) == pytest.approx(share, abs=0.15)
        assert set(beyond) == set(range(HOME[task] + 1, LEVELS[task]))


def test_the_other_tasks_wait_until_the_tower_can_read():
    assert {Curriculum().choose(step)[0] for step in range(50)} == {"tower", "ocr"}


def test_a_curriculum_survives_saving():
    curriculum = Curriculum()
    for _ in range(25):
        curriculum.learn("ocr", 0, 1.0)
    assert Curriculum.load(curriculum.dump()) == curriculum


def test_patches_know_the_character_over_them():
    scene = sample("ocr", 0, 1).scene
    found = truth.of_patches(scene)
    shown = {chr(value + 31) for value in found[0].tolist() if 0 < value < truth.LINE_ENDS}
    assert shown == set(scene.text)


def test_patches_know_the_narrow_letters_between_two_centres():
    scene = draw_page(["lilly!"], PageStyle(width=192, face="DejaVuSans", size=20))
    found = truth.of_patches(scene)
    seen = [
        {chr(value + 31) for value in found[number].tolist() if 0 < value < truth.LINE_ENDS}
        for number in (0, 10, 11)
    ]
    assert seen[0] != set("lily!")
    assert set.union(*seen) == set("lily!")


def test_patches_know_the_colours_of_ink_and_paper():
    scene = draw_page(["Stop"], PageStyle(ink="yellow", paper="purple"))
    found = truth.of_patches(scene)
    assert set(found[12].tolist()) == {0, 1 + truth.SHADES.index("yellow")}
    assert set(found[13].tolist()) == {0, 1 + truth.SHADES.index("purple")}


def test_where_a_label_begins_both_tokens_know_the_click():
    scene = draw_window([Control(label="Save", at=(64, 80))], WindowStyle())
    element = scene.elements[0]
    (token,) = truth.tokens_under(scene, truth.click_patch(element))
    tokens = {token, token - scene.image.width // 32}
    _, y = truth.place_of(scene, element)
    found = truth.of_patches(scene)[4].reshape(-1, 4)
    assert {token for token in tokens if set(found[token].tolist()) == {1 + y}} == tokens


def test_where_a_line_begins_and_ends_patches_know_its_box():
    scene = draw_page(["Gate", "B12 or C"], PageStyle(width=320, height=128, left=24, top=20, leading=40))
    found = truth.of_patches(scene)
    for line in scene.lines:
        x1, y1, x2, y2 = truth.box_of(scene, line)
        begins = (found[3] == 1 + x1) & (found[4] == 1 + y1)
        ends = (found[19] == 1 + x2) & (found[20] == 1 + y2)
        assert begins.any()
        assert ends.any()
        assert not (begins & ends).any()
    corners = {(int(x), int(y)) for x, y in found[[19, 20]].T} - {(0, 0)}
    assert corners == {
        (1 + x2, 1 + y2) for _, _, x2, y2 in (truth.box_of(scene, line) for line in scene.lines)
    }


def test_the_heads_learn_alone_at_first():
    training = Training(torch.device("cpu"))
    before = [one.detach().clone() for one in training.model.parameters()]
    training.attune([draw("tower", 0, 2, 1)])
    assert training.heads.linear.weight.any()
    assert all(map(torch.equal, before, training.model.parameters()))


def test_training_goes_on_where_it_stopped(tmp_path):
    first = Training(torch.device("cpu"))
    first.learn([draw("ocr", 0, 2, 1), draw("tower", 0, 2, 1)], rate=1e-4)
    first.step = 1
    first.save(tmp_path / "state.pt")
    second = Training(torch.device("cpu"))
    second.load(tmp_path / "state.pt")
    batch = draw("gui", 6, 2, 2)
    assert first.learn([batch], rate=1e-4) == [
        pytest.approx(numbers, abs=1e-4, nan_ok=True) for numbers in second.learn([batch], rate=1e-4)
    ]


def test_training_starts_from_the_shipped_weights():
    training = Training(torch.device("cpu"))
    training.warm(checkpoint.FOLDER)
    weights = load_file(checkpoint.FOLDER / "model.safetensors")
    name = "model.language_model.layers.0.mlp.up_proj.weight"
    assert torch.equal(training.averaged().state_dict()[name], weights[name].float())
    assert training.step > 1000


def test_places_stand_out_in_a_fresh_tower():
    table = torch.nn.Embedding(256, 128)
    torch.nn.init.normal_(table.weight, std=0.02)
    places.mark(table)
    grid = table.weight.detach().view(16, 16, 128)
    assert (grid[3, 4] - grid[3, 5]).norm() > 1
    assert (grid[3, 4] - grid[4, 4]).norm() > 1
    # A column is the same step to the right in every row.
    assert (grid[3, 9] - grid[3, 4] - (grid[12, 9] - grid[12, 4])).norm() < 1


def test_reading_looks_at_the_character_that_comes_next():
    one = sample("ocr", 4, 3)
    batch = assemble("ocr", 4, [one])
    first = int(batch.answers[0].argmax())
    columns = one.scene.image.width // 32
    # Level 4 begins in the corner: 16 x 32 px a character, so two characters a token.
    for row, line in enumerate(one.scene.text.split("\n")):
        for column in range(len(line)):
            looked = batch.looks[0, first - 1 + column].nonzero()[0] - batch.start
            assert row * columns + column // 2 in looked.tolist()
        first += len(line) + 1


def test_spotting_looks_at_both_ends_of_a_line_and_then_at_its_characters():
    one = next(one for one in (sample("boxes", 12, seed) for seed in range(50)) if len(one.scene.lines) == 3)
    batch = assemble("boxes", 12, [one])
    first = int(batch.answers[0].argmax())
    looked = {
        decode([int(batch.ids[0, index + 1])]): set((row.nonzero()[0] - batch.start).tolist())
        for index, row in enumerate(batch.looks[0])
        if index >= first and row.any()
    }
    line = one.scene.lines[-1]
    x1, y1, x2, y2 = json.loads(one.answer)[-1]["bbox_2d"]
    begins, ends = (
        set(truth.tokens_under(one.scene, box))
        for box in (truth.beginning(line), truth.ending(one.scene, line))
    )
    assert looked[f"[{x1}, "] == looked[f"{y1}, "] == begins
    assert looked[f"{x2}, "] == looked[f'{y2}], "text_content": "'] == ends
    last = set(truth.tokens_under(one.scene, one.scene.glyphs[-1].box))
    assert looked[line.text[-1]] == last


def test_a_box_is_four_tokens_beside_its_text():
    for seed in range(30):
        one = sample("boxes", 12, seed * GROUP)
        characters = sum(len(line.text) for line in one.scene.lines)
        assert len(encode(one.answer)) == 5 * len(one.scene.lines) + characters + 1


def test_quotation_marks_in_a_box_are_looked_at_where_they_are():
    scene = draw_page(['a"b'], PageStyle())
    answer, looks = spotted(scene)
    assert json.loads(answer)[0]["text_content"] == 'a"b'
    at = answer.index('\\"')
    quoted = [look.box for look in looks if look.after in (at, at + 1)]
    assert quoted == [scene.glyphs[1].box] * 2


def test_a_page_may_say_what_is_one_token_elsewhere():
    scene = draw_page(["Tap it"], PageStyle())
    looks = tuple(Look(after=glyph.column, box=glyph.box) for glyph in scene.glyphs)
    one = Sample(scene=scene, kind="ocr", input={"mode": "text"}, answer="Tap it", looks=looks)
    assert assemble("ocr", 0, [one]).looks.any(-1).sum() == len(["Tap ", "i", "t"])


def test_a_click_looks_at_its_name_before_it_says_where():
    one = next(
        one
        for one in (sample("gui", 6, seed) for seed in range(50))
        if point(one.answer) and "field" in str(one.messages)
    )
    batch = assemble("gui", 6, [one])
    looking = [index for index, row in enumerate(batch.looks[0]) if row.any()]
    said = [decode([int(batch.ids[0, index + 1])]) for index in looking]
    assert said[0] == "Click "
    assert said[1:] == [f"[{point(one.answer)[0]}, ", f"{point(one.answer)[1]}]}}}}"]
    tokens = truth.tokens_under(one.scene, truth.click_patch(one.target))
    assert all((row.nonzero()[0] - batch.start).tolist() == tokens for row in batch.looks[0][looking])


def test_a_colour_is_looked_at_until_its_last_letter():
    one = next(one for one in (sample("sign", 12, seed) for seed in range(50)) if one.answer == one.scene.ink)
    assert [look.after for look in one.looks] == list(range(len(one.answer)))
    assert {look.box for look in one.looks} == {one.scene.glyphs[0].box}


def test_what_is_not_there_is_looked_for_nowhere():
    one = next(one for one in (sample("gui", 5, seed) for seed in range(50)) if "failure" in one.answer)
    batch = assemble("gui", 5, [one])
    assert {tuple(row.nonzero()[0]) for row in batch.looks[0] if row.any()} == {(0,)}


def test_the_best_look_is_the_one_wanted():
    wanted = torch.tensor([[[False, True], [False, False]]])
    loss, right = looking(torch.tensor([[[0.25, 0.75], [1.0, 0.0]]]), wanted)
    assert float(loss) == pytest.approx(0.2877, abs=1e-3)
    assert float(right) == 1.0


@pytest.mark.parametrize(
    ("name", "figure", "aim"),
    [
        ("ocr-easy", "lines", 0.95),
        ("ocr-boxes", "boxed", 0.85),
        ("gui-buttons", "inside", 0.95),
        ("gui-all", "inside", 0.95),
        ("gui-dark", "inside", 0.9),
        ("chat-page", "exact", 0.9),
        ("chat-window", "exact", 0.9),
        ("chat-dark", "exact", 0.9),
        ("chat-talk", "exact", 1.0),
    ],
)
def test_the_weights_that_ship_reach_their_aims_through_the_platform(name, figure, aim):
    told = json.loads((checkpoint.FOLDER / "figures.json").read_text())[name]
    assert told["through"] == "platform"
    assert told["samples"] >= 500
    assert told[figure] >= aim


def test_a_click_is_inside_or_not():
    assert inside((90, 109), (90, 90, 110, 110))
    assert not inside((110, 100), (90, 90, 110, 110))
    assert not inside(None, (90, 90, 110, 110))


@pytest.mark.parametrize(
    "text", ["", "Action: Click\n<tool_call>\n{\n</tool_call>", "<tool_call>\n[1]\n</tool_call>"]
)
def test_an_answer_without_a_call_has_no_point(text):
    assert point(text) is None


@pytest.mark.parametrize("one", SETS, ids=lambda one: one.name)
def test_right_answers_score_one(one):
    samples = one.samples(60)
    figured = score(one.task, samples, [parse(sample, sample.answer) for sample in samples])
    assert figured.exact == 1.0
    assert figured.lines in (None, 1.0)
    assert figured.character_errors in (None, 0.0)
    assert figured.boxed in (None, 1.0)
    assert figured.iou is None or figured.iou > 0.85
    assert figured.inside in (None, 1.0)
    assert figured.actions in (None, 1.0)
    assert figured.parsed in (None, 1.0)


def named(name):
    return next(one for one in SETS if one.name == name)


def boxes_and_their_answer():
    one = next(one for one in named("ocr-boxes").samples(30) if len(one.scene.lines) == 3)
    return one, parse(one, one.answer)


def test_a_line_with_its_box_elsewhere_is_not_boxed_right():
    one, given = boxes_and_their_answer()
    x1, y1, x2, y2 = given.blocks[0].box
    beside = Block(text=given.blocks[0].text, box=(x1, y1 + 30, x2, y2 + 30))
    moved = Answer(text=given.text, blocks=(beside, *given.blocks[1:]))
    figured = score("boxes", [one], [moved])
    assert not right(one, moved)
    assert figured.lines == 1.0
    assert figured.boxed == pytest.approx(2 / 3)
    assert figured.iou < score("boxes", [one], [given]).iou


def test_a_box_too_many_makes_the_answer_wrong():
    one, given = boxes_and_their_answer()
    assert not right(one, Answer(text=given.text, blocks=(*given.blocks, given.blocks[-1])))
    assert not right(one, Answer(text=given.text, blocks=given.blocks[:-1]))


@pytest.mark.parametrize("cut", [lambda text: text[:-5], lambda text: text + CUT_OFF, lambda text: ""])
def test_a_list_of_boxes_that_is_not_whole_does_not_parse(cut):
    one, _ = boxes_and_their_answer()
    figured = score("boxes", [one], [parse(one, cut(one.answer))])
    assert figured.parsed == figured.exact == figured.boxed == figured.iou == 0.0


def test_a_click_beside_the_element_is_wrong():
    one = next(one for one in named("gui-buttons").samples(20) if point(one.answer))
    x1, y1, x2, y2 = one.target.box
    call = {"action": "left_click", "coordinate": [0, 0]}
    assert right(one, Answer(text="", arguments=call, point=(x1, y1)))
    assert not right(one, Answer(text="", arguments=call, point=(x2, y2 - 1)))
    assert not right(one, Answer(text="", arguments=None, point=None))


def test_one_wrong_character_makes_a_line_wrong():
    samples = [one for one in SETS[0].samples(30) if one.answer.count("\n") == 2][:1]
    wrong = "?" + samples[0].answer[1:]
    figured = score("ocr", samples, [Answer(text=wrong)])
    assert figured.exact == 0.0
    assert figured.lines == pytest.approx(2 / 3)
    assert figured.character_errors == pytest.approx(1 / len(wrong))


def test_held_out_drawings_are_none_that_training_draws():
    trained = {sample("ocr", SETS[0].level, seed).answer for seed in range(500)}
    assert not trained & {one.answer for one in SETS[0].samples(50) if len(one.answer) > 6}


def test_the_card_tells_the_figures_of_the_checkpoint(tmp_path):
    told = {"steps": 12, "seconds": 3600, "parameters": 2_800_000, "hardware": "an abacus", "levels": {}}
    (tmp_path / "training.json").write_text(json.dumps(told))
    values = Score(samples=500, exact=0.5, lines=0.961, character_errors=0.012)
    figures.update(tmp_path, [figures.Measured(set="ocr-easy", through="platform", score=values)])
    card = (tmp_path / "README.md").read_text()
    assert "12 steps in 1.0 hours on an abacus" in card
    assert "| 500 | platform | lines exact **96.1%**, character error rate 1.20%" in card
