"""Why an image is not taken. Each is a `Problem`: a code, a status and a sentence to act on."""

from typing import Self

from sightline.errors import FieldError, Problem


class MediaRefused(Problem):
    """The image is broken, or the engine could not use it (422)."""

    code, status = "invalid_input", 422

    def at(self, pointer: str) -> Self:
        """The same refusal, naming the field of the request that it is about."""
        self.errors = (FieldError(pointer=pointer, detail=self.detail),)
        return self


class UnsupportedMedia(MediaRefused):
    """Not an image, or not one of the formats that are read (415)."""

    code, status = "unsupported_media", 415


class MediaTooLarge(MediaRefused):
    """More bytes, pixels, frames or work than an image may cost (413)."""

    code, status = "media_too_large", 413


class PoisonedInput(MediaRefused):
    """This picture has brought engines down, and an operator has not released it (422)."""

    code, status = "poisoned_input", 422
