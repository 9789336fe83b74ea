"""`/api/v1/sessions`: histories that jobs go on from."""

import re
from typing import Any

from django.db.models import Count, Sum
from django.http import HttpResponse
from rest_framework.request import Request

from sightline import ids
from sightline.api.native import session_documents as documents
from sightline.api.native.listing import read_limit, refuse_query
from sightline.api.native.representation import BASE, moment
from sightline.api.native.request import validate
from sightline.api.native.session_entries import entries_of
from sightline.api.native.session_schemas import (
    NewChatSession,
    NewChatStep,
    NewGuiStep,
    NewSession,
    SessionChange,
)
from sightline.api.native.view import NativeView, answer
from sightline.api.parsers import json_body
from sightline.errors import FieldError, InvalidInput, NotFound
from sightline.jobs.models import Job
from sightline.jobs.status import ACTIVE
from sightline.sessions.models import Session, Step
from sightline.sessions.services import appending, changes, reading
from sightline.sessions.values import SessionErased

_KINDS = ("chat", "gui")


class SessionsView(NativeView):
    """The sessions of a tenant."""

    scopes = {**NativeView.scopes, "POST": "submit"}

    @documents.sessions
    def get(self, request: Request) -> HttpResponse:
        query = request.query_params
        rows = reading.of(tenant=self.principal.tenant)
        if (kind := query.get("kind")) is not None:
            if kind not in _KINDS:
                raise refuse_query("kind", "kind is one of " + ", ".join(_KINDS) + ".")
            rows = rows.filter(kind=kind)
        if (cursor := query.get("cursor")) is not None:
            try:
                rows = rows.filter(pk__lt=ids.decode(ids.SESSION, cursor))
            except ids.InvalidId as error:
                raise refuse_query("cursor", "Use the next_cursor of the page before.") from error
        limit = read_limit(query.get("limit"))
        found = list(rows[: limit + 1])
        more = len(found) > limit
        return answer(
            {
                "object": "list",
                "data": _shown(found[:limit]),
                "has_more": more,
                "next_cursor": found[limit - 1].public_id if more else None,
            }
        )

    @documents.create
    def post(self, request: Request) -> HttpResponse:
        asked = validate(NewSession, json_body(request)).root
        session = changes.create(
            tenant=self.principal.tenant,
            kind=asked.kind,
            system=asked.system if isinstance(asked, NewChatSession) else "",
            metadata=asked.metadata,
            retention_s=asked.retention_s,
            entries=entries_of(asked, tenant=self.principal.tenant),
        )
        return answer(_one(session), status=201, headers={"Location": _path(session)})


class _OneView(NativeView):
    def session(self, public_id: str, *, erased: bool = False) -> Session:
        """The tenant's session of that id; 410 for a tombstone, unless it is asked for."""
        found = reading.find(tenant=self.principal.tenant, public_id=public_id, erased=True)
        if found is None:
            raise NotFound(f"There is no session {public_id[:60]}.")
        if found.erased_at is not None and not erased:
            raise SessionErased
        return found


class SessionView(_OneView):
    """One session."""

    scopes = {**NativeView.scopes, "PATCH": "submit", "DELETE": "submit"}

    @documents.read
    def get(self, request: Request, public_id: str) -> HttpResponse:
        return answer(_one(self.session(public_id)))

    @documents.change
    def patch(self, request: Request, public_id: str) -> HttpResponse:
        session = self.session(public_id)
        asked = validate(SessionChange, json_body(request))
        if asked.system is not None and session.kind != "chat":
            raise _refused("/system", "Only a session of chats has a system message.")
        given = asked.model_dump(exclude_none=True, exclude={"version"})
        return answer(_one(changes.change(session=session, version=asked.version, **given)))

    @documents.erase
    def delete(self, request: Request, public_id: str) -> HttpResponse:
        changes.erase(session=self.session(public_id, erased=True), actor=self.principal.actor)
        return HttpResponse(status=204)


class StepsView(_OneView):
    """The history of a session."""

    scopes = {**NativeView.scopes, "POST": "submit"}

    @documents.steps
    def get(self, request: Request, public_id: str) -> HttpResponse:
        rows = self.session(public_id).steps.order_by("number")
        query = request.query_params
        if (cursor := query.get("cursor")) is not None:
            if not re.fullmatch(r"[0-9]{1,9}", cursor):
                raise refuse_query("cursor", "Use the next_cursor of the page before.")
            rows = rows.filter(number__gt=int(cursor))
        limit = read_limit(query.get("limit"))
        found = list(rows[: limit + 1])
        more = len(found) > limit
        return answer(
            {
                "object": "list",
                "data": [_step(row) for row in found[:limit]],
                "has_more": more,
                "next_cursor": str(found[limit - 1].number) if more else None,
            }
        )

    @documents.add_step
    def post(self, request: Request, public_id: str) -> HttpResponse:
        session = self.session(public_id)
        body = json_body(request)
        asked = validate(NewChatStep, body) if session.kind == "chat" else validate(NewGuiStep, body)
        entries = entries_of(asked, tenant=self.principal.tenant)
        step = appending.add(session=session, entries=entries, version=asked.version)
        step.refresh_from_db()
        return answer(_step(step), status=201)


class StepView(_OneView):
    """One step: reading it, and taking it back with all that came after it."""

    scopes = {**NativeView.scopes, "DELETE": "submit"}

    @documents.step
    def get(self, request: Request, public_id: str, number: int) -> HttpResponse:
        found = self.session(public_id).steps.filter(number=number).first()
        if found is None:
            raise NotFound(f"The session has no step {number}.")
        return answer(_step(found))

    @documents.rewind
    def delete(self, request: Request, public_id: str, number: int) -> HttpResponse:
        text = request.query_params.get("version")
        if text is not None and not re.fullmatch(r"[0-9]{1,9}", text):
            raise refuse_query("version", "version is the number of a version.")
        version = int(text) if text is not None else None
        return answer(_one(changes.rewind(session=self.session(public_id), number=number, version=version)))


def _refused(pointer: str, detail: str) -> InvalidInput:
    return InvalidInput(detail, errors=[FieldError(pointer=pointer, detail=detail)])


def _path(session: Session) -> str:
    return f"{BASE}/sessions/{session.public_id}"


def _one(session: Session) -> dict[str, Any]:
    return _shown([session])[0]


def _shown(sessions: list[Session]) -> list[dict[str, Any]]:
    """Three queries, however many sessions."""
    steps = (Step.objects.filter(session__in=sessions).order_by().values("session_id")).annotate(
        count=Count("pk"), tokens=Sum("tokens")
    )
    told = {row["session_id"]: (row["count"], row["tokens"]) for row in steps}
    jobs = [session.job_id for session in sessions if session.job_id is not None]
    active = (
        set(Job.objects.filter(pk__in=jobs, status__in=ACTIVE).values_list("pk", flat=True)) if jobs else ()
    )
    return [
        {
            "id": session.public_id,
            "object": "session",
            "kind": session.kind,
            "version": session.version,
            "system": session.system,
            "metadata": session.metadata,
            "steps": told.get(session.pk, (0, 0))[0],
            "tokens": told.get(session.pk, (0, 0))[1],
            "done": session.done or None,
            "job": ids.encode(ids.JOB, session.job_id)
            if session.job_id is not None and session.job_id in active
            else None,
            "retention_s": session.retention_s,
            "created_at": moment(session.created_at),
            "used_at": moment(session.used_at),
            "links": {
                "self": _path(session),
                "steps": f"{_path(session)}/steps",
                "jobs": f"{BASE}/jobs?session={session.public_id}",
            },
        }
        for session in sessions
    ]


def _step(step: Step) -> dict[str, Any]:
    return {
        "number": step.number,
        "object": "session.step",
        "job": ids.encode(ids.JOB, step.job_id) if step.job_id else None,
        "seen": step.seen,
        "entries": step.entries,
        "tokens": step.tokens,
        "created_at": moment(step.created_at),
    }
