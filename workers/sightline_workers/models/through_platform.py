"""Answers to samples through the whole platform: REST jobs in, typed results out, real vLLM between them.

The platform is a fresh one in a folder of its own, thrown away afterwards.
"""

from __future__ import annotations

import io
import json
import os
import socket
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from .lessons import Sample
from .scoring import Answer, Block, pixels

if TYPE_CHECKING:
    from PIL.Image import Image

    from sightline.client import Client, Job

AT_ONCE = 24
"""Jobs under way: enough that no seat waits for a job."""

LONGEST = 160
"""Tokens an answer."""


@contextmanager
def own_folder(checkpoint: Path) -> Iterator[None]:
    """Settings for a platform beside any other one: a folder and ports of its own, and `checkpoint` as its model.

    Enter it before Django is set up.
    """
    with (
        tempfile.TemporaryDirectory(prefix="sightline-") as home,
        socket.socket() as web,
        socket.socket() as flower,
    ):
        for each in (web, flower):
            each.bind(("127.0.0.1", 0))
        model = {"default": {"checkpoint": str(checkpoint.resolve()), "max_model_len": 8192}}
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "sightline.settings",
            "SIGHTLINE_HOME": home,
            "SIGHTLINE_PORT": str(web.getsockname()[1]),
            "SIGHTLINE_FLOWER_PORT": str(flower.getsockname()[1]),
            "SIGHTLINE_MODELS": json.dumps(model),
        }
        web.close()
        flower.close()
        yield


def ask(client: Client, samples: Sequence[Sample], what: str) -> list[Answer]:
    """The platform's answer to each of `samples`, with a progress bar that says `what`."""

    def one_job(one: Sample) -> Answer:
        return ask_one(client, str(one.kind), one.input, one.scene.image if one.scene else None)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = pool.map(one_job, samples)
        return list(tqdm(found, total=len(samples), desc=what, unit="job", disable=None))


def ask_one(client: Client, kind: str, asked: Mapping[str, Any], image: Image | None) -> Answer:
    """The answer to one job with the input `asked`, greedily."""
    images = []
    if image is not None:
        png = io.BytesIO()
        image.save(png, "PNG")
        images.append(png.getvalue())
    params = {"temperature": 0, "max_tokens": LONGEST}
    # Without the cache: every answer is to be the model's, not an earlier one's.
    job = client.submit(kind, asked, images=images, params=params, cache={"mode": "off"})
    return answer_of(client.wait(job.id, stream=False))


def answer_of(job: Job) -> Answer:
    """The answer in an ended job; one that did not succeed is empty, and wrong."""
    if not job.succeeded or not job.output:
        return Answer(text="")
    match job.kind:
        case "ocr":
            page = job.output["pages"][0]
            blocks = None
            # What was whole only after a second, constrained call is not the model's own.
            if job.output["mode"] == "boxes" and page["attempts"] == 1 and not page["warnings"]:
                blocks = tuple(
                    Block(text=block["text_content"], box=pixels(block["bbox_px"]))
                    for block in page["blocks"]
                )
            return Answer(text=page["text"], blocks=blocks)
        case "gui":
            at = (job.output.get("resolved") or {}).get("point_px")
            point = (at[0], at[1]) if at else None
            return Answer(text=job.output["raw"], arguments=job.output["arguments"], point=point)
        case _:
            return Answer(text=job.output["choices"][0]["message"]["content"])
