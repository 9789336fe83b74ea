"""Measure a checkpoint on held-out drawings: `python -m sightline_workers.models.evaluate`.

By itself it computes the answers in this process. With `--platform` it starts the whole platform with real vLLM in a
folder of its own, sends one job a drawing over REST, and scores the typed results.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from . import checkpoint, figures
from .figures import Measured
from .lessons import Sample
from .scoring import Answer, right, score
from .sets import SETS, Set

Ask = Callable[[Sequence[Sample], str], list[Answer]]
"""Samples and what they are called, to the answers."""


def measure(
    ask: Ask,
    sets: Sequence[Set],
    count: int,
    *,
    through: str,
    wrong: int = 0,
    then: Callable[[Measured], None] | None = None,
) -> list[Measured]:
    """The scores on `count` drawings of each of `sets`; `wrong` of the wrong answers of each are printed.

    `then` is called with the figures of each set as soon as they are there.
    """
    measured = []
    for one in sets:
        samples = one.samples(count)
        answers = ask(samples, one.name)
        measured.append(Measured(set=one.name, through=through, score=score(one.task, samples, answers)))
        if then is not None:
            then(measured[-1])
        pairs = zip(samples, answers, strict=True)
        missed = [(sample.answer, given.text) for sample, given in pairs if not right(sample, given)]
        for expected, answered in missed[:wrong]:
            print(f"  {one.name}: {expected!r} was answered {answered!r}")
    return measured


def show(measured: Sequence[Measured]) -> None:
    """Print a table."""
    table = Table(
        "set",
        "drawings",
        "right",
        "lines exact",
        "with box",
        "IoU",
        "character errors",
        "inside",
        "other calls",
        "parse",
    )
    for one in measured:
        values = one.score
        shares = (
            values.exact,
            values.lines,
            values.boxed,
            values.iou,
            values.character_errors,
            values.inside,
            values.actions,
            values.parsed,
        )
        cells = ("" if share is None else f"{share:.1%}" for share in shares)
        table.add_row(one.set, str(values.samples), *cells)
    Console().print(table)


def in_process(folder: Path) -> Ask:
    """Answers of the checkpoint in `folder`, computed here on one core, in float32 from weights in bf16."""
    import torch
    from transformers import Qwen3VLForConditionalGeneration

    from .answering import answer
    from .scoring import parse

    torch.set_num_threads(1)
    model = Qwen3VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()

    def ask(samples: Sequence[Sample], what: str) -> list[Answer]:
        texts = answer(model, samples, what=what)
        return [parse(one, text) for one, text in zip(samples, texts, strict=True)]

    return ask


def on_platform(
    folder: Path,
    sets: Sequence[Set],
    count: int,
    wrong: int,
    then: Callable[[Measured], None] | None,
) -> list[Measured]:
    """Start the platform with the checkpoint in `folder`, measure, stop it. Raises SystemExit when it fails."""
    from . import through_platform

    measured: list[Measured] = []

    with through_platform.own_folder(folder):
        import django

        django.setup()
        from sightline.cli.platform_run import Running, run
        from sightline.client import Client

        def when_ready(running: Running) -> int:
            with Client(url=running.url, key=running.key) as client:
                ask = partial(through_platform.ask, client)
                measured.extend(measure(ask, sets, count, through="platform", wrong=wrong, then=then))
            return 0

        code = run(twin=False, twin_options=(), verbose=False, then=when_ready)
    if code:
        sys.exit(code)
    return measured


def main() -> None:
    """Parse the command line, measure, print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, default=checkpoint.FOLDER)
    parser.add_argument("--count", type=int, default=500, help="drawings a set")
    parser.add_argument(
        "--only", action="append", choices=[one.name for one in SETS], help="a set; repeatable"
    )
    parser.add_argument("--platform", action="store_true", help="through the whole platform on real vLLM")
    parser.add_argument("--wrong", type=int, default=0, help="how many wrong answers a set to print")
    parser.add_argument(
        "--write", action="store_true", help="put the figures into the checkpoint's model card"
    )
    given = parser.parse_args()
    sets = [one for one in SETS if given.only is None or one.name in given.only]
    keep = partial(_keep, given.checkpoint) if given.write else None
    if given.platform:
        measured = on_platform(given.checkpoint, sets, given.count, given.wrong, keep)
    else:
        ask = in_process(given.checkpoint)
        measured = measure(ask, sets, given.count, through="transformers", wrong=given.wrong, then=keep)
    show(measured)


def _keep(folder: Path, one: Measured) -> None:
    figures.update(folder, [one])


if __name__ == "__main__":
    main()
