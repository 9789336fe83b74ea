"""Images that are chosen in a form, as a request names them. Whether they are any is the guard's to say, as always."""

from __future__ import annotations

import base64
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile


class _Input(forms.ClearableFileInput):
    allow_multiple_selected = True


class ImagesField(forms.FileField):
    """One image or several, in the order that they were chosen; an empty list for none."""

    widget = _Input

    def __init__(self, *, several: bool, **more: Any) -> None:
        super().__init__(required=False, **more)
        self.widget.attrs |= {"accept": "image/*", "multiple": several}

    def clean(self, data: Any, initial: Any = None) -> list[dict[str, str]]:
        files = data if isinstance(data, list | tuple) else [data]
        found = [super(ImagesField, self).clean(file, initial) for file in files]
        return [{"data": _uri(file)} for file in found if file]


def _uri(file: UploadedFile[Any]) -> str:
    return "data:application/octet-stream;base64," + base64.b64encode(file.read()).decode()
