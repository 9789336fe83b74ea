"""`/v1/models`: the model tags."""

from typing import Any

from django.conf import settings
from django.http import HttpResponse
from rest_framework.request import Request

from sightline.api.native.view import answer
from sightline.api.openai import documents
from sightline.api.openai.view import OpenAIView
from sightline.errors import Problem


class ModelsView(OpenAIView):
    """All of them."""

    @documents.models
    def get(self, request: Request) -> HttpResponse:
        return answer({"object": "list", "data": [_model(tag) for tag in settings.MODELS]})


class ModelView(OpenAIView):
    """One of them."""

    @documents.model
    def get(self, request: Request, model: str) -> HttpResponse:
        if model not in settings.MODELS:
            raise Problem(f"There is no model {model[:100]!r}.", code="model_not_found", status=404)
        return answer(_model(model))


def _model(tag: str) -> dict[str, Any]:
    # A tag has no date of its own; clients need a number here.
    return {"id": tag, "object": "model", "created": 0, "owned_by": "sightline"}
