"""A stored image for staff eyes: never at a public address, never anything but an image."""

from django.http import Http404, HttpResponse

from sightline.media import services
from sightline.media.models import Media
from sightline_dashboard.csp import UNTRUSTED


def picture(media: Media) -> HttpResponse:
    """The stored file. Its bytes are content-addressed, so a browser may keep them, but no shared cache."""
    try:
        data = services.open_bytes(media)
    except FileNotFoundError as missing:
        raise Http404("The file is gone.") from missing
    response = HttpResponse(data, content_type=media.stored_mime)
    response["Content-Security-Policy"] = UNTRUSTED
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Disposition"] = "inline"
    response["Cache-Control"] = "private, max-age=3600"
    return response
