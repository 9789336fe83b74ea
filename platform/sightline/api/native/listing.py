"""A page of a tenant's jobs, newest first."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from sightline import ids
from sightline.api.native.representation import summary
from sightline.errors import FieldError, InvalidInput
from sightline.jobs.models import Attempt, Job, JobTag
from sightline.jobs.status import Status
from sightline.kinds.registry import KINDS
from sightline.tenants.models import Tenant
from sightline.triage import search

LIMIT, MOST = 50, 200

_FILTERS = (
    "kind",
    "status",
    "tag",
    "model",
    "session",
    "fingerprint",
    "created_after",
    "created_before",
    "search",
    "cursor",
)


def page(*, tenant: Tenant, query: Mapping[str, str]) -> dict[str, Any]:
    """One page. The cursor is the last job shown, so rows that are added or deleted meanwhile move nothing."""
    limit = read_limit(query.get("limit"))
    filters = {name: query[name] for name in query if name != "limit"}
    found = matching(tenant=tenant, query=filters)
    rows = list(found.order_by("-id").defer("input", "output")[: limit + 1])
    shown = rows[:limit]
    more = len(rows) > limit
    return {
        "object": "list",
        "data": [summary(job) for job in shown],
        "has_more": more,
        "next_cursor": shown[-1].public_id if more else None,
    }


def matching(*, tenant: Tenant, query: Mapping[str, str]) -> QuerySet[Job]:
    """A tenant's jobs that the filters leave. Raises InvalidInput."""
    if unknown := [name for name in query if name not in _FILTERS]:
        names = ", ".join(_FILTERS)
        raise refuse_query(unknown[0], f"There is no filter of this name: {names}.", "unknown_field")
    return Job.objects.filter(_wanted(tenant, query))


def _wanted(tenant: Tenant, query: Mapping[str, str]) -> Q:
    wanted = Q(tenant=tenant, erased_at=None, shadow=False)
    if (kind := query.get("kind")) is not None:
        wanted &= Q(kind=_one_of("kind", kind, list(KINDS)))
    if (status := query.get("status")) is not None:
        wanted &= Q(status__in=[_one_of("status", item, list(Status.values)) for item in status.split(",")])
    if (model := query.get("model")) is not None:
        wanted &= Q(model=model[:64])
    if (session := query.get("session")) is not None:
        wanted &= Q(session=_session(session))
    if (tag := query.get("tag")) is not None:
        wanted &= Q(pk__in=JobTag.objects.filter(tenant=tenant, tag=tag[:65]).values("job_id"))
    if (fingerprint := query.get("fingerprint")) is not None:
        failed = Attempt.objects.filter(fingerprint=_fingerprint(fingerprint), job__tenant=tenant)
        wanted &= Q(pk__in=failed.values("job_id"))
    if (after := query.get("created_after")) is not None:
        moment = _moment("created_after", after)
        wanted &= Q(created_at__gt=moment, id__gte=ids.first_of(moment - ids.CLOCK_SLACK))
    if (before := query.get("created_before")) is not None:
        moment = _moment("created_before", before)
        wanted &= Q(created_at__lt=moment, id__lte=ids.first_of(moment + ids.CLOCK_SLACK))
    if (words := query.get("search")) is not None:
        wanted &= _found(words)
    if (cursor := query.get("cursor")) is not None:
        try:
            wanted &= Q(id__lt=ids.decode(ids.JOB, cursor))
        except ids.InvalidId as error:
            raise refuse_query("cursor", "Use the next_cursor of the page before.") from error
    return wanted


def _found(words: str) -> Q:
    try:
        return search.condition(words)
    except InvalidInput as refused:
        raise refuse_query("search", refused.detail) from refused


def read_limit(text: str | None) -> int:
    if text is None:
        return LIMIT
    if not re.fullmatch(r"[1-9]\d{0,2}", text) or int(text) > MOST:
        raise refuse_query("limit", f"limit is a whole number from 1 to {MOST}.")
    return int(text)


def _session(text: str) -> UUID:
    try:
        return ids.decode(ids.SESSION, text)
    except ids.InvalidId as error:
        raise refuse_query("session", "session is the id of a session, ses_01J….") from error


def _fingerprint(text: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{16}", text):
        raise refuse_query("fingerprint", "fingerprint is 16 hex digits, as an attempt's error shows it.")
    return text


def _one_of(name: str, value: str, choices: list[str]) -> str:
    if value not in choices:
        raise refuse_query(name, f"{name} is one of " + ", ".join(choices) + ".")
    return value


def _moment(name: str, text: str) -> datetime:
    # A plus sign in a query string is a space by the time it arrives here.
    try:
        value = datetime.fromisoformat(text.strip().replace(" ", "+") if "T" in text else text)
        value = value if value.tzinfo else value.replace(tzinfo=UTC)
        return value.astimezone(UTC) if 1971 < value.year < 9998 else _out_of_range()
    except (ValueError, OverflowError) as error:
        raise refuse_query(name, f"{name} is a time in RFC 3339, such as 2026-10-01T09:00:00Z.") from error


def _out_of_range() -> datetime:
    raise ValueError("the year is out of range")


def refuse_query(name: str, detail: str, code: str | None = None) -> InvalidInput:
    return InvalidInput(detail, code=code, errors=[FieldError(pointer=f"?{name[:60]}", detail=detail)])
