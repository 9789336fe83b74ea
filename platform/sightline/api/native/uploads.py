"""`/api/v1/uploads`: images, kept once however often they are sent."""

from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request

from sightline.api.native import documents
from sightline.api.native.representation import upload
from sightline.api.native.view import NativeView, answer
from sightline.api.parsers import FormParser, RawParser
from sightline.errors import InvalidInput, Problem
from sightline.media import services as media

_FIELDS = ("image", "file")


class UploadsView(NativeView):
    """Uploading."""

    parser_classes = [FormParser, RawParser]
    scopes = {"POST": "submit"}

    @documents.upload
    def post(self, request: Request) -> HttpResponse:
        data, name = _file(request)
        row = media.ingest(tenant=self.principal.tenant, data=data, filename=name)
        return answer(upload(row), status=201)


def _file(request: Request) -> tuple[bytes, str | None]:
    """The bytes of the image and the name it was sent with."""
    kind = (request.content_type or "").lower()
    if kind.startswith(("application/json", "application/x-www-form-urlencoded", "text/")):
        raise Problem(
            "Send the image's bytes as the body, or as the field image of a multipart/form-data.",
            code="unsupported_media",
            status=415,
        )
    if not kind.startswith("multipart/"):
        body: Any = request.data
        return (body, None) if isinstance(body, bytes) else (b"", None)
    files = [file for name in request.FILES for file in request.FILES.getlist(name) if name in _FIELDS]
    if len(files) != 1 or len(request.FILES) != 1:
        raise InvalidInput("Send exactly one file, in the field image.")
    return files[0].read(), files[0].name
