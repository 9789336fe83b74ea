"""`/api/v1/jobs/{id}/compare?with=…`: two jobs of a tenant side by side."""

from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request

from sightline.api.native import comparison_documents
from sightline.api.native.jobs import refuse_erased
from sightline.api.native.view import NativeView, answer
from sightline.comparison.actions import ActionDifference
from sightline.comparison.boxes import BoxDifference
from sightline.comparison.jobs import Comparison, PageDifference, Quantity, Side, compare
from sightline.comparison.text import TextDifference
from sightline.errors import FieldError, InvalidInput
from sightline.jobs.models import Job


class CompareView(NativeView):
    """Comparing."""

    @comparison_documents.compare
    def get(self, request: Request, public_id: str) -> HttpResponse:
        first = self.job(public_id)
        other = request.query_params.get("with")
        if not other:
            raise _refusal("Name the other job: ?with=job_….")
        second = self.job(other)
        for job in (first, second):
            refuse_erased(job)
        if first.kind != second.kind:
            raise _refusal(f"Jobs of {first.kind} and of {second.kind} have nothing to compare.")
        return answer(document(first, second, compare(side(first), side(second))))


def side(job: Job) -> Side:
    """What is compared of a job."""
    return Side(
        kind=job.kind,
        model=job.model,
        input=job.input,
        params=job.params,
        output=job.output if job.ended else None,
        # Nothing was used for an answer that was there already: that is no number to compare with.
        usage=job.usage if job.served_from in ("", "engine") else None,
        timings=job.timings,
    )


def _refusal(detail: str) -> InvalidInput:
    return InvalidInput(detail, errors=[FieldError(pointer="?with", detail=detail)])


def document(first: Job, second: Job, found: Comparison) -> dict[str, Any]:
    """The comparison as JSON."""
    return {
        "object": "comparison",
        "kind": first.kind,
        "first": _job(first),
        "second": _job(second),
        "ended": first.ended and second.ended,
        "asked": [_pair(row.name, row.first, row.second) for row in found.asked],
        "error_rate": found.error_rate,
        "mean_iou": found.mean_iou,
        "action": _action(found.action) if found.action else None,
        "text": _text(found.text) if found.text else None,
        "pages": [_page(page) for page in found.pages],
        "tokens": [_quantity(row) for row in found.tokens],
        "phases": [_quantity(row) for row in found.phases],
    }


def _job(job: Job) -> dict[str, Any]:
    return {"id": job.public_id, "model": job.model, "status": str(job.status)}


def _pair(name: str, first: Any, second: Any) -> dict[str, Any]:
    return {"name": name, "first": first, "second": second}


def _action(found: ActionDifference) -> dict[str, Any]:
    return {
        "first": found.first,
        "second": found.second,
        "same": found.same,
        "distance_px": found.distance_px,
        "distance_share": found.distance_share,
        "within_px": found.within_px,
        "same_place": found.same_place,
        "arguments": [_pair(*row) for row in found.arguments],
    }


def _text(found: TextDifference) -> dict[str, Any]:
    return {
        "distance": found.distance,
        "first_length": found.first_length,
        "second_length": found.second_length,
        "error_rate": found.error_rate,
        "cut": found.cut,
        "runs": [{"change": run.change, "text": run.text} for run in found.runs],
    }


def _page(found: PageDifference) -> dict[str, Any]:
    return {
        "page": found.number,
        "text": _text(found.text),
        "boxes": _boxes(found.boxes) if found.boxes else None,
        "fields": [_pair(*row) for row in found.fields],
    }


def _boxes(found: BoxDifference) -> dict[str, Any]:
    return {
        "mean_iou": found.mean_iou,
        "f1": found.f1,
        "matches": [
            {"first": match.first, "second": match.second, "iou": match.iou} for match in found.matches
        ],
        "only_first": list(found.only_first),
        "only_second": list(found.only_second),
    }


def _quantity(row: Quantity) -> dict[str, Any]:
    return {"name": row.name, "first": row.first, "second": row.second, "change": row.change}
