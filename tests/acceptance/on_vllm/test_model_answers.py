"""The shipped checkpoint through the whole platform on real vLLM: what it answers is right as often as its card says.

SIGHTLINE_HELD_OUT sets how many drawings of each set are sent; the card's figures are for 500
(`python -m sightline_workers.models.evaluate --platform` prints them).
"""

import json
import os
from collections.abc import Iterator

import pytest
from support.platform import TENANTS, Platform

from sightline.client import Client
from sightline_workers.models import checkpoint, through_platform
from sightline_workers.models.drawing import demo_images, demo_pages
from sightline_workers.models.scoring import inside, right, score
from sightline_workers.models.sets import SETS

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(1800)]

COUNT = int(os.environ.get("SIGHTLINE_HELD_OUT", "40"))


def slack(share: float) -> float:
    """How far chance moves a share of COUNT, if it is `share` of very many, in one of a thousand runs at most."""
    return 3.1 * (max(share * (1 - share), 0.02) / COUNT) ** 0.5


@pytest.fixture(scope="module")
def client(platform: Platform) -> Iterator[Client]:
    with Client(url=platform.url, key=platform.keys[TENANTS[0]]) as client:
        yield client


@pytest.mark.parametrize("kind", ["ocr", "gui", "chat"])
def test_the_demo_shows_a_right_answer(client: Client, kind: str) -> None:
    drawn = demo_images()[kind]
    asked = {"ocr": {"mode": "text"}, "gui": {"instruction": drawn.prompt}, "chat": {"prompt": drawn.prompt}}
    given = through_platform.ask_one(client, kind, asked[kind], drawn.image)
    if drawn.box:
        assert given.arguments is not None
        assert given.arguments["action"] == "left_click"
        assert inside(given.point, drawn.box)
    else:
        assert given.text == drawn.text


@pytest.mark.parametrize("name", sorted(demo_pages()))
def test_the_pages_to_try_are_read_rightly(client: Client, name: str) -> None:
    drawn = demo_pages()[name]
    assert through_platform.ask_one(client, "ocr", {"mode": "text"}, drawn.image).text == drawn.text


def test_small_talk_says_what_it_is(client: Client) -> None:
    assert "Sightline" in through_platform.ask_one(client, "chat", {"prompt": "Who are you?"}, None).text


@pytest.mark.parametrize("one", SETS, ids=lambda one: one.name)
def test_held_out_drawings_are_answered_as_well_as_the_card_says(client: Client, one) -> None:
    told = json.loads((checkpoint.FOLDER / "figures.json").read_text())[one.name]
    samples = one.samples(COUNT)
    answers = through_platform.ask(client, samples, one.name)
    found = score(one.task, samples, answers)
    missed = [(sample.answer, given.text) for sample, given in zip(samples, answers, strict=True)]
    missed = [
        pair for pair, sample, given in zip(missed, samples, answers, strict=True) if not right(sample, given)
    ]
    assert found.exact >= told["exact"] - slack(told["exact"]), missed
    if found.lines is not None:
        assert found.lines >= told["lines"] - slack(told["lines"]), missed
        assert found.character_errors <= told["character_errors"] + slack(told["character_errors"]), missed
    if found.boxed is not None:
        assert found.boxed >= told["boxed"] - slack(told["boxed"]), missed
        assert found.iou >= told["iou"] - slack(told["iou"]), missed
    if found.inside is not None:
        assert found.inside >= told["inside"] - slack(told["inside"]), missed
    if found.parsed is not None:
        assert found.parsed >= told["parsed"] - slack(told["parsed"]), missed
