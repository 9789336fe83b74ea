"""Images in messages that are named by the file they were uploaded as."""

from typing import Any

from sightline.api.openai.names import file_id
from sightline.batches.services import files
from sightline.errors import FieldError, InvalidInput, NotFound
from sightline.media.refusal import MediaRefused
from sightline.tenants.models import Tenant

Part = dict[str, Any]


class Uploads:
    """Finds the images of one tenant; called with messages, it puts them in the place of their files."""

    def __init__(self, *, tenant: Tenant) -> None:
        self._tenant = tenant

    def __call__(self, messages: list[Part]) -> list[Part]:
        """OpenAI's chat messages in which no part names a file any more. What is no part is left as it is."""
        return [
            {
                **message,
                "content": [self._part(part, f"/input/messages/{m}/content/{p}") for p, part in parts],
            }
            if isinstance(message, dict) and (parts := _parts(message.get("content")))
            else message
            for m, message in enumerate(messages)
        ]

    def image(self, file: str, *, detail: Any = None, pointer: str) -> Part:
        """The image_url part of a file; 400 naming `pointer` for one that is not there or no image."""
        try:
            row = files.find(tenant=self._tenant, file_id=file_id(file))
        except NotFound:
            row = None
        if row is None:
            text = f"There is no file {file[:60]}."
            raise InvalidInput(text, errors=[FieldError(pointer=pointer, detail=text)])
        try:
            address: Part = {"upload_id": files.as_image(file=row).public_id}
        except MediaRefused as refusal:
            raise refusal.at(pointer) from refusal.__cause__
        return {"type": "image_url", "image_url": {**address, **({"detail": detail} if detail else {})}}

    def _part(self, part: Any, pointer: str) -> Any:
        if not isinstance(part, dict):
            return part
        file, image = part.get("file"), part.get("image_url")
        if part.get("type") == "file" and isinstance(file, dict):
            if isinstance(file.get("file_id"), str):
                return self.image(file["file_id"], pointer=f"{pointer}/file/file_id")
            if isinstance(file.get("file_data"), str):
                return {"type": "image_url", "image_url": {"url": file["file_data"]}}
        if isinstance(image, dict) and isinstance(image.get("file_id"), str) and len(image) <= 2:
            return self.image(
                image["file_id"], detail=image.get("detail"), pointer=f"{pointer}/image_url/file_id"
            )
        return part


def _parts(content: Any) -> list[tuple[int, Any]]:
    return list(enumerate(content)) if isinstance(content, list) else []
