"""From a body to values. The ASGI shell has capped it already; plain WSGI servers are capped here."""

from typing import IO, Any

from django.conf import settings
from rest_framework.parsers import BaseParser, MultiPartParser
from rest_framework.request import Request

from sightline.api import strict_json
from sightline.errors import Problem


class BodyTooLarge(Problem):
    code, status = "body_too_large", 413


def read_all(stream: IO[bytes], limit: int) -> bytes:
    """The whole body; `BodyTooLarge` (413) beyond `limit` bytes."""
    raw = stream.read(limit + 1)
    if len(raw) > limit:
        raise BodyTooLarge(f"The body has more than {limit} bytes.")
    return raw


class StrictJSONParser(BaseParser):
    """`application/json`, in UTF-8 whatever the charset parameter says (RFC 8259)."""

    media_type = "application/json"

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> Any:
        return strict_json.loads(read_all(stream, settings.MAX_BODY_BYTES))


def json_body(request: Request) -> Any:
    """The JSON that was sent. DRF takes an empty body for an empty form and asks no parser; here it is no JSON."""
    if request.META.get("CONTENT_LENGTH") in (None, "", "0"):
        raise strict_json.InvalidJson("The body is empty.")
    return request.data


class FormParser(MultiPartParser):
    """`multipart/form-data`: fields as text, files beyond 2.5 MB on disk."""


class RawParser(BaseParser):
    """Any other body, as bytes: an image that is posted as it is."""

    media_type = "*/*"

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> Any:
        return read_all(stream, settings.MAX_BODY_BYTES)
