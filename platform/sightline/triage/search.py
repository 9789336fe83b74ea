"""The words of the search over jobs, for people: the search box, bulk selections, the command line.

`job_…` names a job; `kind:ocr status:failed,incomplete tenant:acme model:default queue:ocr.default group:gpu0@host
gpu:0 worker:… tag:nightly` narrow the list; `error:"out of memory"` finds what failed with such a message, code or
type, and `fingerprint:…` what failed last for one cause; `sha256:…` and a plain digest name the pixels of an image;
`created:>2026-10-01` and `created:<2026-10-02T09:30` bound the time of acceptance; any other word is a tag.
"""

import json
import re
import shlex
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.db.models import F, Q

from sightline import ids
from sightline.errors import InvalidInput
from sightline.jobs.models import Attempt, JobTag
from sightline.jobs.status import Status
from sightline.kinds.registry import KINDS
from sightline.triage.models import Cause

LONGEST = 500
_DIGEST = re.compile(r"[0-9a-f]{64}")
_NOTHING = Q(pk__in=[])
_PLAIN = {
    "model": "model",
    "queue": "queue",
    "group": "group",
    "worker": "worker",
    "tenant": "tenant__name",
}


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
    if name in _PLAIN:
        return Q(**{_PLAIN[name]: value})
    if name not in QUALIFIERS:
        raise InvalidInput(
            f"There is no {name[:30]!r} to search for. Known: " + ", ".join([*QUALIFIERS, *_PLAIN]) + "."
        )
    return QUALIFIERS[name](value)


def _one_of(field: str, choices: Any) -> Callable[[str], Q]:
    def qualifier(value: str) -> Q:
        wanted = value.split(",")
        for item in wanted:
            if item not in choices:
                raise InvalidInput(f"{field}: is one of " + ", ".join(choices) + f", not {item[:30]!r}.")
        return Q(**{f"{field}__in": wanted}) if len(wanted) > 1 else Q(**{field: value})

    return qualifier


def _tag(value: str) -> Q:
    return Q(pk__in=JobTag.objects.filter(tag=value).values("job_id"))


def _sha256(value: str) -> Q:
    return _holds("images", value.lower())


def _gpu(value: str) -> Q:
    """`gpu:0` is the group `gpu0` on any host."""
    return Q(group__startswith=f"gpu{value}@" if value.isdigit() else value)


def _error(value: str) -> Q:
    """Causes are few and attempts know theirs, so a text in messages is found without reading the messages."""
    causes = Cause.objects.filter(
        Q(message__icontains=value) | Q(code__icontains=value) | Q(error_type__icontains=value)
    )
    return _failed_last(list(causes.values_list("pk", flat=True)[:500]))


def _fingerprint(value: str) -> Q:
    return _failed_last([value])


def _failed_last(fingerprints: list[str]) -> Q:
    """Jobs whose last run failed with one of these."""
    last = Attempt.objects.filter(fingerprint__in=fingerprints, run=F("job__run")).exclude(fingerprint="")
    return Q(pk__in=last.values("job_id"))


def _created(value: str) -> Q:
    sign, moment = value[:1], value[1:]
    if sign not in "<>" or not sign:
        raise InvalidInput("created: needs > or < and a time, as created:>2026-10-01.")
    try:
        when = datetime.fromisoformat(moment)
    except ValueError:
        raise InvalidInput(f"created: {moment[:30]!r} is no time, as 2026-10-01T09:30.") from None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return Q(created_at__gt=when) if sign == ">" else Q(created_at__lt=when)


def _holds(field: str, value: str) -> Q:
    """The JSON list `field` holds `value`. SQLite has no containment, but its lists are stored as text."""
    lookup: dict[str, Any] = (
        {f"{field}__contains": [value]}
        if connection.vendor == "postgresql"
        else {f"{field}__icontains": json.dumps(value)}
    )
    return Q(**lookup)


QUALIFIERS: dict[str, Callable[[str], Q]] = {
    "kind": _one_of("kind", list(KINDS)),
    "status": _one_of("status", list(Status.values)),
    "tag": _tag,
    "sha256": _sha256,
    "gpu": _gpu,
    "error": _error,
    "fingerprint": _fingerprint,
    "created": _created,
}
