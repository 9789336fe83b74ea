"""What is added to a session by hand, as it is stored: messages with their media bound, or sentences."""

from collections.abc import Sequence
from typing import Any

from sightline.api.native.session_schemas import NewChatSession, NewChatStep, NewGuiSession, NewGuiStep
from sightline.errors import FieldError, InvalidInput
from sightline.kinds.chat.kind import Chat, ChatInput
from sightline.media import services as media
from sightline.tenants.models import Tenant

_HERE = "/messages"


def entries_of(
    asked: NewChatSession | NewChatStep | NewGuiSession | NewGuiStep, *, tenant: Tenant
) -> Sequence[dict[str, Any]]:
    """The entries of a new session or step; none where it tells nothing. Images are stored."""
    if isinstance(asked, NewGuiSession | NewGuiStep):
        return [{"text": text, "arguments": None} for text in asked.history or ()]
    if asked.messages is None:
        return ()
    kind = Chat()
    inputs = ChatInput(messages=list(asked.messages))
    refs = kind.image_refs(inputs)
    if any(ref.url is not None for ref in refs):
        detail = "Upload the images of a history first: only a job fetches addresses."
        raise InvalidInput(detail, errors=[FieldError(pointer=_HERE, detail=detail)])
    stored = media.for_refs(tenant=tenant, refs=refs, pointers=[_HERE] * len(refs))
    bound = kind.bind(inputs, [media.stored_image(row) for row in stored if row is not None])
    messages: list[dict[str, Any]] = bound["messages"]
    return messages
