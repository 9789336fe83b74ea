"""Which server the client commands speak to, with which key, and how they end when it does not go well."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from sightline.cli.exit_codes import REFUSED, UNREACHABLE, Failed, Interrupted

if TYPE_CHECKING:
    from sightline.client import Client

PATIENCE_S = 10.0
"""How long a server that is busy or restarts is waited for by a command that only asks."""
LONG_PATIENCE_S = 120.0
"""By one that waits for jobs anyway."""


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

    from sightline import kept_secret

    key = kept_secret.read(settings.HOME / kept_secret.LOCAL_KEY)
    if key is None:
        raise Failed(
            "There is no API key. Set SIGHTLINE_KEY; `sightline keys create NAME` makes one on the server.",
            code=REFUSED,
        )
    return key


@contextmanager
def connected(*, patience_s: float = PATIENCE_S) -> Iterator["Client"]:
    """A client inside; what it cannot do ends the command as `told` says."""
    from sightline.client import Client

    with (
        told(),
        Client(url=default_url(), key=default_key(), patience_s=patience_s, on_trouble=say_trouble) as client,
    ):
        yield client


def say_trouble(sentence: str) -> None:
    """Why nothing happens just now."""
    click.echo(sentence, err=True)


@contextmanager
def told() -> Iterator[None]:
    """What a client raises becomes a sentence on standard error and an exit code."""
    from sightline.client import ClientError, NoApi, Refused, Unreachable

    try:
        yield
    except Refused as error:
        hint = "\nSet SIGHTLINE_KEY to a key of this server." if error.status == 401 else ""
        raise Failed(f"{error}{hint}", code=REFUSED) from error
    except (Unreachable, NoApi) as error:
        raise Failed(str(error), code=UNREACHABLE) from error
    except ClientError as error:
        raise Failed(str(error)) from error
    except KeyboardInterrupt as stop:
        raise Interrupted() from stop
