"""The words of the search over jobs, for people: the search box, views, exports, bulk selections, the command line.

`QUALIFIERS` has them all, each with an example. `job_…` names a job, 64 hex digits the pixels or bytes of an image, any
other word without a colon is a tag. All words must hold; `-status:succeeded` finds those where it does not.
"""

import difflib
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef, Q

from sightline import clock, ids
from sightline.errors import InvalidInput
from sightline.fleet.models import Group
from sightline.jobs.models import Attempt, JobMedia, JobTag
from sightline.jobs.status import Status
from sightline.kinds.registry import KINDS
from sightline.media.models import Media
from sightline.tenants.models import Tenant
from sightline.triage.models import Cause

LONGEST = 500
MOST_CAUSES = 500
"""Causes that one `error:` looks up at most."""
_DIGEST = re.compile(r"[0-9a-f]{64}")
_AGO = re.compile(r"(\d{1,5})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_NOTHING = Q(pk__in=[])


@dataclass(frozen=True, kw_only=True)
class Qualifier:
    """One `name:` of the search."""

    name: str
    example: str
    """A value, as people type it."""
    about: str
    """What it finds, a few words."""
    condition: Callable[[str], Q]
    """Of its value. Raises `InvalidInput` for one that it cannot have."""
    turns: bool = False
    """It reads a column of the job itself, so that "not this" can be asked as well."""


def condition(text: str) -> Q:
    """All words must hold. A word that cannot match anything finds nothing rather than everything.

    Raises `InvalidInput` for a qualifier that nobody knows, so that a misspelt one never widens a selection.
    """
    found = Q()
    for word in words(text):
        found &= _word(word)
    return found


def words(text: str) -> list[str]:
    """Split at spaces; quotes keep a value with spaces together."""
    if len(text) > LONGEST:
        raise InvalidInput(f"A search has {LONGEST} characters at most.")
    if "\0" in text:
        raise InvalidInput("A search has no NUL characters.")
    lexer = shlex.shlex(text, posix=True, punctuation_chars=False)
    lexer.whitespace_split, lexer.commenters, lexer.escape = True, "", ""
    lexer.quotes = '"'
    try:
        return list(lexer)
    except ValueError:
        raise InvalidInput("A quotation mark is open.") from None


def _word(word: str) -> Q:
    if word.startswith(f"{ids.JOB}_"):
        try:
            return Q(pk=ids.decode(ids.JOB, word))
        except ids.InvalidId:
            return _NOTHING
    if _DIGEST.fullmatch(word.lower()):
        return _sha256(word)
    name, colon, value = word.partition(":")
    if not colon:
        return _tag(word)
    turned = name.startswith("-")
    qualifier = QUALIFIERS.get(name.removeprefix("-"))
    if qualifier is None:
        raise InvalidInput(_unknown(name.removeprefix("-")))
    if not value:
        raise InvalidInput(f"{name}: needs a value, as {qualifier.name}:{qualifier.example}.")
    found = qualifier.condition(value)
    if turned and not qualifier.turns:
        able = ", ".join(f"-{other.name}:" for other in QUALIFIERS.values() if other.turns)
        raise InvalidInput(f"{name}: cannot be asked. What can: {able}.")
    return ~found if turned else found


def _unknown(name: str) -> str:
    close = difflib.get_close_matches(name, QUALIFIERS, n=1)
    meant = f" Did you mean {close[0]}:?" if close else ""
    return f"There is no {name[:30]!r} to search for.{meant} Known: " + ", ".join(QUALIFIERS) + "."


def _plain(field: str) -> Callable[[str], Q]:
    return lambda value: Q(**{field: value})


def _one_of(field: str, choices: Any) -> Callable[[str], Q]:
    def qualifier(value: str) -> Q:
        wanted = value.split(",")
        for item in wanted:
            if item not in choices:
                raise InvalidInput(f"{field}: is one of " + ", ".join(choices) + f", not {item[:30]!r}.")
        return Q(**{f"{field}__in": wanted}) if len(wanted) > 1 else Q(**{field: value})

    return qualifier


def _tenant(value: str) -> Q:
    """By its key, which the indexes begin with: through a join nobody would find out soon that it is not there."""
    return Q(tenant__in=list(Tenant.objects.filter(name=value).values_list("pk", flat=True)))


def _tag(value: str) -> Q:
    return Q(pk__in=JobTag.objects.filter(tag=value).values("job_id"))


def _sha256(value: str) -> Q:
    """Of the bytes or of the pixels; read from the rows that link jobs and images, which every database indexes."""
    digest = value.lower()
    images = Media.objects.filter(Q(sha256=digest) | Q(pixel_sha256=digest)).values_list("pk", flat=True)
    return Q(pk__in=JobMedia.objects.filter(media_id__in=list(images[:MOST_CAUSES])).values("job_id"))


def _gpu(value: str) -> Q:
    """`gpu:0` is the group `gpu0` on any host. The groups are looked up: they are few, and then an index serves."""
    start = f"gpu{value}@" if value.isdigit() else value
    return Q(group__in=list(Group.objects.filter(pk__startswith=start).values_list("pk", flat=True)))


def _error(value: str) -> Q:
    """Causes are few and attempts know theirs, so a text in messages is found without reading the messages."""
    causes = Cause.objects.filter(
        Q(message__icontains=value) | Q(code__icontains=value) | Q(error_type__icontains=value)
    )
    return _failed_last(list(causes.values_list("pk", flat=True)[:MOST_CAUSES]))


def _fingerprint(value: str) -> Q:
    return _failed_last([value])


def _failed_last(fingerprints: list[str]) -> Q:
    """Jobs whose last run failed with one of these."""
    if not fingerprints:
        return _NOTHING
    failed = Attempt.objects.filter(fingerprint__in=fingerprints).exclude(fingerprint="")
    last = Q(Exists(failed.filter(job_id=OuterRef("pk"), run=OuterRef("run"))))
    # PostgreSQL begins on whichever side is smaller; SQLite would look at every job, unless it is told which may be.
    return last if connection.vendor == "postgresql" else Q(pk__in=failed.values("job_id")) & last


def _session(value: str) -> Q:
    try:
        return Q(session=ids.decode(ids.SESSION, value))
    except ids.InvalidId:
        return _NOTHING


def _created(value: str) -> Q:
    sign, moment = value[:1], value[1:]
    if sign not in "<>" or not sign:
        raise InvalidInput("created: needs > or < and a time, as created:>2026-10-01 or created:>2h.")
    when = _moment(moment)
    # The key is the time as well, to the slack between two clocks, and it is what lists are ordered by.
    if sign == ">":
        return Q(created_at__gt=when, pk__gte=ids.first_of(when - ids.CLOCK_SLACK))
    return Q(created_at__lt=when, pk__lte=ids.first_of(when + ids.CLOCK_SLACK))


def _moment(text: str) -> datetime:
    """A time, or so long ago: `2h`, `3d`."""
    if ago := _AGO.fullmatch(text):
        return clock.now() - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        when = datetime.fromisoformat(text)
        if not 1971 < when.year < 9998:
            raise ValueError(text)
    except ValueError:
        raise InvalidInput(f"created: {text[:30]!r} is no time, as 2026-10-01T09:30 or 2h.") from None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _run(value: str) -> Q:
    sign, number = (value[0], value[1:]) if value[0] in "<>" else ("", value)
    if not (number.isascii() and number.isdigit() and len(number) < 6):
        raise InvalidInput("run: is a number of runs, as run:3 or run:>1.")
    if sign == "<":
        return Q(run__lt=int(number))
    # The second condition is the index's own, which SQLite only uses where it stands in the query.
    asked = Q(run__gt=int(number)) if sign else Q(run=int(number))
    return asked & Q(run__gt=1) if int(number) > (0 if sign else 1) else asked


QUALIFIERS: dict[str, Qualifier] = {
    qualifier.name: qualifier
    for qualifier in (
        Qualifier(
            name="kind",
            example="ocr",
            about="what is asked",
            condition=_one_of("kind", list(KINDS)),
            turns=True,
        ),
        Qualifier(
            name="status",
            example="failed,expired",
            about="where it stands",
            condition=_one_of("status", list(Status.values)),
            turns=True,
        ),
        Qualifier(
            name="error",
            example='"out of memory"',
            about="a text in the failure's message, code or type",
            condition=_error,
        ),
        Qualifier(
            name="cause", example="4f0c9a…", about="the cause that it failed for last", condition=_fingerprint
        ),
        Qualifier(name="tenant", example="acme", about="whose it is", condition=_tenant, turns=True),
        Qualifier(name="tag", example="nightly", about="a tag; the plain word does, too", condition=_tag),
        Qualifier(
            name="model", example="default", about="the model's tag", condition=_plain("model"), turns=True
        ),
        Qualifier(name="gpu", example="0", about="the GPU, on any host", condition=_gpu, turns=True),
        Qualifier(
            name="group", example="gpu0@host", about="the GPU group", condition=_plain("group"), turns=True
        ),
        Qualifier(
            name="worker",
            example="ocr-gpu0@host",
            about="who ran it last",
            condition=_plain("worker"),
            turns=True,
        ),
        Qualifier(
            name="queue", example="ocr.default", about="the queue", condition=_plain("queue"), turns=True
        ),
        Qualifier(
            name="created", example=">2h", about="accepted after (>) or before (<) a time", condition=_created
        ),
        Qualifier(name="run", example=">1", about="how often it was claimed", condition=_run),
        Qualifier(
            name="served",
            example="cache",
            about="what made the answer",
            condition=_one_of("served_from", ("engine", "cache", "coalesced", "near")),
            turns=True,
        ),
        Qualifier(
            name="session", example="ses_01J…", about="the session that it goes on", condition=_session
        ),
        Qualifier(name="sha256", example="ab12…", about="an image, by bytes or pixels", condition=_sha256),
        Qualifier(name="fingerprint", example="4f0c9a…", about="the same as cause", condition=_fingerprint),
    )
}
