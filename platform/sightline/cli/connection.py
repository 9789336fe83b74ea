"""Which server the client commands speak to, with which key."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import click

from sightline import kept_secret
from sightline.client import Client, ClientError, Refused


def default_url() -> str:
    """SIGHTLINE_URL, or the web process of this machine."""
    if url := os.environ.get("SIGHTLINE_URL"):
        return url
    from django.conf import settings

    host = "127.0.0.1" if settings.HOST in ("0.0.0.0", "::") else settings.HOST  # noqa: S104 - compared, not bound
    return f"http://{host}:{settings.PORT}"


def default_key() -> str:
    """SIGHTLINE_KEY, or the key that `sightline up` keeps for this machine."""
    if key := os.environ.get("SIGHTLINE_KEY"):
        return key
    from django.conf import settings

    key = kept_secret.read(settings.HOME / kept_secret.LOCAL_KEY)
    if key is None:
        raise click.ClickException(
            "There is no API key. Set SIGHTLINE_KEY; `sightline keys create NAME` makes one on the server."
        )
    return key


@contextmanager
def connected() -> Iterator[Client]:
    """A client inside; what it cannot do becomes a sentence on standard error and exit code 1."""
    try:
        with Client(url=default_url(), key=default_key()) as client:
            yield client
    except Refused as error:
        hint = "\nSet SIGHTLINE_KEY to a key of this server." if error.status == 401 else ""
        raise click.ClickException(f"{error}{hint}") from error
    except ClientError as error:
        raise click.ClickException(str(error)) from error
