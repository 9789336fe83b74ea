"""`data:` URIs (RFC 2397) that carry an image in base64."""

import base64
import binascii
import re
from dataclasses import dataclass

from sightline.media.refusal import MediaRefused, MediaTooLarge, UnsupportedMedia

_HEAD = re.compile(r"data:([a-z0-9.+-]+/[a-z0-9.+-]+)?((?:;[a-z0-9_-]+=[^;,]*)*)(;base64)?,", re.IGNORECASE)
_MAX_HEAD = 256


@dataclass(frozen=True, kw_only=True)
class DataUri:
    """The two halves of a data URI."""

    mime: str
    """As declared, lower case, empty when left out; the content decides what it is."""
    data: bytes
    """The decoded payload."""


def parse(text: str, max_bytes: int) -> DataUri:
    """Decode a data URI of at most `max_bytes`.

    The size is known from the length and checked before anything is decoded. Raises MediaTooLarge (413),
    UnsupportedMedia (415) when something other than an image is declared, MediaRefused (422) otherwise.
    """
    head = _HEAD.match(text[:_MAX_HEAD])
    if head is None:
        raise MediaRefused("This is no data URI: write data:image/png;base64,… .")
    mime = (head[1] or "").lower()
    if mime and not mime.startswith("image/") and mime != "application/octet-stream":
        raise UnsupportedMedia(f"The data URI declares {mime}, not an image.")
    if not head[3]:
        raise MediaRefused("The data URI is not in base64: write data:image/png;base64,… .")
    length = len(text) - head.end()
    padding = 2 if text.endswith("==") else int(text.endswith("="))
    if length * 3 // 4 - padding > max_bytes:
        raise MediaTooLarge(f"The image in the data URI has more than {max_bytes} bytes.")
    try:
        data = base64.b64decode(text[head.end() :].encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise MediaRefused("The data URI is not valid base64 (RFC 4648, padded).") from error
    return DataUri(mime=mime, data=data)
