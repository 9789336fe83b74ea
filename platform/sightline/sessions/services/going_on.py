"""Go on from a session: read as much of its history as the model's context holds."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db.models import Min

from sightline.errors import FieldError, InvalidInput
from sightline.fleet.models import Group
from sightline.kinds import tokens
from sightline.kinds.images import bound_media
from sightline.media import services as media
from sightline.sessions.forms import Form, Weight
from sightline.sessions.models import Session, Step
from sightline.sessions.registry import FORMS
from sightline.sessions.values import Going, Seen, StaleVersion

USUAL_CONTEXT = 32_768
"""Tokens, where no group of the model has told its own."""
USUAL_IMAGES = 16
"""Images of a prompt that an engine takes unless its model's spec says otherwise."""
_USUAL_ANSWER = 2048
_OVERHEAD = 256
"""Tokens of the chat's template and of a tool's signature."""


def go_on(
    *,
    session: Session,
    kind: str,
    model: str,
    input: Mapping[str, Any],
    params: Mapping[str, Any],
    version: int | None,
) -> Going:
    """The request's input with the session's history before it, the oldest steps left out where all do not fit.

    `input` is the validated input as it was sent; `version` the one that the client goes on from, None for whichever
    it is. Raises StaleVersion, and InvalidInput for a job of another kind.
    """
    if session.kind != kind:
        detail = f"This is a session of {session.kind} jobs."
        raise InvalidInput(detail, errors=[FieldError(pointer="/session/id", detail=detail)])
    if version is not None and version != session.version:
        raise StaleVersion(named=version, version=session.version)
    form = FORMS[kind]
    own = form.weigh_sent(input)
    answer = int(params.get("max_tokens") or _USUAL_ANSWER)
    context = context_of(model)
    room = Weight(
        tokens=context
        - own.tokens
        - min(answer, context // 2)
        - tokens.of_text(len(session.system))
        - _OVERHEAD,
        images=_images_of(model) - own.images,
    )
    steps, dropped = _fitting(session, form, room)
    history = [entry for step in steps for entry in step.entries]
    digests = list({item["sha256"] for item in bound_media(history)})
    stored = media.by_sha256(tenant_id=session.tenant_id, digests=digests) if digests else {}
    going = form.continued(
        history,
        system=session.system,
        input=input,
        uploads={digest: row.public_id for digest, row in stored.items()},
    )
    seen = Seen(session_id=session.pk, version=session.version, inherited=going.inherited)
    return Going(seen=seen, input=going.input, dropped=dropped)


def context_of(model: str) -> int:
    """Tokens of prompt and answer that every group of a model tag takes."""
    known = Group.objects.filter(tag=model, max_model_len__isnull=False).aggregate(least=Min("max_model_len"))
    return int(known["least"] or USUAL_CONTEXT)


def _images_of(model: str) -> int:
    limits = settings.MODELS.get(model, {}).get("limit_mm_per_prompt") or {}
    return int(limits.get("image", USUAL_IMAGES))


def _fitting(session: Session, form: Form, room: Weight) -> tuple[list[Step], int]:
    """The last steps that fit, in order, and how many did not."""
    weights = list(session.steps.order_by("-number").values_list("number", "tokens", "images"))
    first: int | None = None
    taken = Weight(tokens=0, images=0)
    for number, size, images in weights:
        taken += Weight(tokens=size, images=images)
        if taken.tokens > room.tokens or taken.images > room.images:
            break
        first = number
    if first is None:
        return [], len(weights)
    steps = list(session.steps.filter(number__gte=first).order_by("number"))
    return _opening(form, _few(form, steps), whole=len(weights))


def _few(form: Form, steps: Sequence[Step]) -> list[Step]:
    """The last of them that have no more entries than a job may inherit."""
    kept: list[Step] = []
    entries = 0
    for step in reversed(steps):
        entries += len(step.entries)
        if entries > form.most:
            break
        kept.append(step)
    return kept[::-1]


def _opening(form: Form, steps: list[Step], *, whole: int) -> tuple[list[Step], int]:
    """Without the steps that answer one that was left out; a history that is whole stays as its owner made it."""
    while steps and len(steps) < whole and not form.opens(steps[0].entries):
        steps = steps[1:]
    return steps, whole - len(steps)
