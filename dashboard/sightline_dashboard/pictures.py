"""A stored image for staff eyes: never at a public address, never anything but an image."""

import io

from django.http import Http404, HttpResponse
from PIL import Image

from sightline.media import services
from sightline.media.models import Media
from sightline_dashboard.csp import UNTRUSTED

_BLURRED_WIDTH = 24


def picture(media: Media) -> HttpResponse:
    """The stored file. Its bytes are content-addressed, so a browser may keep them, but no shared cache."""
    try:
        data = services.open_bytes(media)
    except FileNotFoundError as missing:
        raise Http404("The file is gone.") from missing
    return _answer(data, media.stored_mime)


def blurred(media: Media) -> HttpResponse:
    """The same image for eyes that may know where things are but not what they say: 24 pixels wide, smoothed."""
    try:
        data = services.open_bytes(media)
    except FileNotFoundError as missing:
        raise Http404("The file is gone.") from missing
    with Image.open(io.BytesIO(data)) as image:
        small = image.convert("RGB").resize(
            (_BLURRED_WIDTH, max(1, round(image.height * _BLURRED_WIDTH / image.width))), Image.Resampling.BOX
        )
        soft = small.resize(
            (min(image.width, 640), max(1, round(image.height * min(1.0, 640 / image.width))))
        )
    buffer = io.BytesIO()
    soft.save(buffer, "JPEG", quality=60)
    return _answer(buffer.getvalue(), "image/jpeg")


def _answer(data: bytes, mime: str) -> HttpResponse:
    response = HttpResponse(data, content_type=mime)
    response["Content-Security-Policy"] = UNTRUSTED
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Disposition"] = "inline"
    response["Cache-Control"] = "private, max-age=3600"
    return response
