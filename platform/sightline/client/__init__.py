"""A client of the API, synchronous and asynchronous."""

from sightline.client.aio import AsyncClient
from sightline.client.batches import Batch
from sightline.client.bulk import BulkAct
from sightline.client.errors import (
    ClientError,
    Conflict,
    FieldProblem,
    Forbidden,
    Gone,
    InvalidRequest,
    NoApi,
    NotAuthenticated,
    NotFound,
    NotSucceeded,
    Refused,
    TooMany,
    Unavailable,
    Unreachable,
)
from sightline.client.images import Image
from sightline.client.operations import LONGEST_WAIT_S
from sightline.client.results import Block, Chat, Gui, Ocr, Page
from sightline.client.sessions import Session, Step
from sightline.client.sync import Client
from sightline.client.values import ENDED, Comparison, Event, Explanation, Job, Kind, Status

__all__ = [
    "ENDED",
    "LONGEST_WAIT_S",
    "AsyncClient",
    "Batch",
    "Block",
    "BulkAct",
    "Chat",
    "Client",
    "ClientError",
    "Comparison",
    "Conflict",
    "Event",
    "Explanation",
    "FieldProblem",
    "Forbidden",
    "Gone",
    "Gui",
    "Image",
    "InvalidRequest",
    "Job",
    "Kind",
    "NoApi",
    "NotAuthenticated",
    "NotFound",
    "NotSucceeded",
    "Ocr",
    "Page",
    "Refused",
    "Session",
    "Status",
    "Step",
    "TooMany",
    "Unavailable",
    "Unreachable",
]
