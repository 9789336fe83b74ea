"""Signing secrets: made here, kept encrypted, never in a log.

The key is derived from SECRET_KEY; whoever has only the database cannot sign. After a change of SECRET_KEY the old
one in SECRET_KEY_FALLBACKS keeps old secrets readable.
"""

import base64
import secrets

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.utils.encoding import force_bytes

from sightline.errors import Problem

PREFIX = "whsec_"
_BYTES = 32
_PURPOSE = b"sightline webhook secrets"


class SecretUnreadable(Problem):
    """The stored secret was encrypted under another SECRET_KEY (503): an operator has to bring that one back."""

    code, status = "unavailable", 503


def new() -> str:
    """A fresh secret, `whsec_` and 32 random bytes in base64 (Standard Webhooks: 24 to 64 bytes)."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


def encrypt(secret: str) -> str:
    """The form in which a secret is stored."""
    return _cipher().encrypt(secret.encode()).decode()


def decrypt(stored: str) -> str:
    """The secret. Raises SecretUnreadable."""
    try:
        return _cipher().decrypt(stored.encode()).decode()
    except InvalidToken as error:
        raise SecretUnreadable("The signing secret cannot be read: SECRET_KEY has changed.") from error


def _cipher() -> MultiFernet:
    return MultiFernet([_fernet(key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def _fernet(key: str | bytes) -> Fernet:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(force_bytes(key))
    return Fernet(base64.urlsafe_b64encode(derived))
