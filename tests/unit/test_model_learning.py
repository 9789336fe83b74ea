"""How training decides what to draw next, and how answers are scored."""

import pytest
import torch

from sightline_workers.models import truth
from sightline_workers.models.batch import draw
from sightline_workers.models.curriculum import Curriculum
from sightline_workers.models.lessons import LEVELS, sample
from sightline_workers.models.scoring import distance, inside, point, score
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


def test_no_task_goes_beyond_its_last_level():
    curriculum = Curriculum()
    for _ in range(3000):
        curriculum.learn("gui", curriculum.tasks["gui"].level, 1.0)
    assert curriculum.tasks["gui"].level == LEVELS["gui"] - 1


def test_the_other_tasks_wait_until_the_tower_can_read():
    assert {Curriculum().choose(step)[0] for step in range(50)} == {"ocr"}


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


def test_training_goes_on_where_it_stopped(tmp_path):
    first = Training(torch.device("cpu"))
    first.learn(draw("ocr", 0, 2, 1), rate=1e-4)
    first.step = 1
    first.save(tmp_path / "state.pt")
    second = Training(torch.device("cpu"))
    second.load(tmp_path / "state.pt")
    batch = draw("ocr", 0, 2, 2)
    assert first.learn(batch, rate=1e-4)["loss"] == pytest.approx(
        second.learn(batch, rate=1e-4)["loss"], abs=1e-4
    )


def test_edit_distance_counts_changes():
    assert distance("kitten", "sitting") == 3
    assert distance("", "ab") == 2


def test_a_click_is_inside_or_not():
    assert inside((500, 500), (90, 90, 110, 110), (200, 200))
    assert not inside((600, 500), (90, 90, 110, 110), (200, 200))
    assert not inside(None, (90, 90, 110, 110), (200, 200))


@pytest.mark.parametrize(
    "text", ["", "Action: Click\n<tool_call>\n{\n</tool_call>", "<tool_call>\n[1]\n</tool_call>"]
)
def test_an_answer_without_a_call_has_no_point(text):
    assert point(text) is None


def test_right_answers_score_one():
    samples = [sample("gui", 5, seed) for seed in range(20)]
    figures = score("gui", samples, [one.answer for one in samples])
    assert figures.exact == figures.inside == figures.parsed == 1.0
