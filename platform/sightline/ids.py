"""Identifiers: UUIDv7 inside (sortable by time), a prefix and Crockford base 32 outside (`job_01J…`)."""

import uuid
from datetime import datetime, timedelta

import uuid_utils

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford: no I, L, O, U
_VALUES = {c: i for i, c in enumerate(_ALPHABET)}
_LENGTH = 26  # 26 × 5 bits hold 128 bits; the first character is 0–7

JOB = "job"
UPLOAD = "up"
ENDPOINT = "whe"
MESSAGE = "msg"
FILE = "file"
BATCH = "batch"
BULK = "blk"
KEY = "key"
SESSION = "ses"
RULE = "rule"
ALERT = "alert"
CHANNEL = "channel"

CLOCK_SLACK = timedelta(hours=2)
"""Ids carry the time of the web host's clock, `created_at` the database's: how far they may be apart."""


class InvalidId(ValueError):
    """The text is not an identifier of the expected kind."""


def new_id() -> uuid.UUID:
    """A fresh UUIDv7 (RFC 9562): 48 bits of Unix milliseconds, then random bits."""
    return uuid.UUID(bytes=uuid_utils.uuid7().bytes)


def first_of(moment: datetime) -> uuid.UUID:
    """The lowest UUIDv7 of a millisecond, so that a time bounds ids."""
    return uuid.UUID(int=(int(moment.timestamp() * 1000) & (2**48 - 1)) << 80)


def encode(prefix: str, value: uuid.UUID) -> str:
    """`encode("job", uuid)` → `job_` and 26 characters that sort as the UUID does."""
    number = value.int
    characters = [_ALPHABET[(number >> shift) & 31] for shift in range(5 * (_LENGTH - 1), -1, -5)]
    return f"{prefix}_{''.join(characters)}"


def decode(prefix: str, text: str) -> uuid.UUID:
    """The UUID behind a public identifier; `InvalidId` when the text is anything else."""
    head, separator, body = text.partition("_")
    if head != prefix or not separator or len(body) != _LENGTH:
        raise InvalidId(f"expected an identifier like {prefix}_01J…")
    number = 0
    for character in body.upper():
        if character not in _VALUES:
            raise InvalidId(f"expected an identifier like {prefix}_01J…")
        number = number << 5 | _VALUES[character]
    if number >> 128:
        raise InvalidId(f"expected an identifier like {prefix}_01J…")
    return uuid.UUID(int=number)
