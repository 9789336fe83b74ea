"""The words of the search box over jobs.

`job_…` names a job, `kind:ocr status:failed tenant:acme model:default group:gpu0@host worker:… tag:nightly` narrow
the list, 64 hexadecimal digits are the pixels of an image, and any other word is a tag.
"""

import json
import re
from typing import Any

from django.db import connection
from django.db.models import Q

from sightline import ids

HELP = "job_…  kind:  status:  tenant:  tag:"

_FIELDS = {
    "kind": "kind",
    "status": "status",
    "model": "model",
    "queue": "queue",
    "group": "group",
    "worker": "worker",
    "tenant": "tenant__name",
}
_DIGEST = re.compile(r"[0-9a-f]{64}")
_NOTHING = Q(pk__in=[])


def condition(text: str) -> Q:
    """All words must hold. A word that cannot match anything finds nothing rather than everything."""
    found = Q()
    for word in text.split():
        found &= _word(word)
    return found


def _word(word: str) -> Q:
    if word.startswith(f"{ids.JOB}_"):
        try:
            return Q(pk=ids.decode(ids.JOB, word))
        except ids.InvalidId:
            return _NOTHING
    name, colon, value = word.partition(":")
    if colon and name in _FIELDS:
        return Q(**{_FIELDS[name]: value}) if value else Q()
    if colon and name == "tag":
        return _holds("tags", value)
    if _DIGEST.fullmatch(word.lower()):
        return _holds("images", word.lower())
    return _holds("tags", word)


def _holds(field: str, value: str) -> Q:
    """The JSON list `field` holds `value`. SQLite has no containment, but its lists are stored as text."""
    lookup: dict[str, Any] = (
        {f"{field}__contains": [value]}
        if connection.vendor == "postgresql"
        else {f"{field}__icontains": json.dumps(value)}
    )
    return Q(**lookup)
