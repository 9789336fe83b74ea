"""Loud readers of environment variables.

A bad value is recorded as a system check (id, message, hint) and the default is used, so that `sightline check`
and every start-up can list all that is wrong at once instead of stopping at the first.
"""

import ipaddress
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from django.core.checks import Error

T = TypeVar("T")

problems: list[Error] = []
known: set[str] = set()


def _refuse(name: str, message: str, hint: str) -> None:
    problems.append(Error(f"{name}: {message}", hint=hint, id=f"sightline.E{100 + len(problems):03d}"))


def _read(name: str, default: T, parse: Callable[[str], T], expected: str) -> T:
    known.add(name)
    raw = os.environ.get(name)
    if raw is None or raw == "":
        return default
    try:
        return parse(raw)
    except (ValueError, TypeError):
        _refuse(
            name, f"{raw!r} is not {expected}.", f"Set {name} to {expected}, or unset it for {default!r}."
        )
        return default


def text(name: str, default: str = "") -> str:
    return _read(name, default, str, "a text")


def boolean(name: str, default: bool) -> bool:
    words = {
        "1": True,
        "true": True,
        "yes": True,
        "on": True,
        "0": False,
        "false": False,
        "no": False,
        "off": False,
    }

    def parse(raw: str) -> bool:
        if raw.lower() not in words:
            raise ValueError
        return words[raw.lower()]

    return _read(name, default, parse, "one of 1, 0, true, false, yes, no")


def _number(name: str, default: T, parse: Callable[[str], T], least: float, most: float, noun: str) -> T:
    def bounded(raw: str) -> T:
        value = parse(raw)
        if not least <= value <= most:  # type: ignore[operator]
            raise ValueError
        return value

    return _read(name, default, bounded, f"{noun} from {least} to {most}")


def integer(name: str, default: int, *, least: int = 0, most: int = 2**53) -> int:
    return _number(name, default, int, least, most, "a whole number")


def optional_integer(name: str, *, least: int = 0, most: int = 2**53) -> int | None:
    return _number(name, None, lambda raw: int(raw), least, most, "a whole number")


def number(name: str, default: float, *, least: float = 0, most: float = 1e12) -> float:
    return _number(name, default, float, least, most, "a number")


def choice(name: str, default: str, choices: tuple[str, ...]) -> str:
    def parse(raw: str) -> str:
        if raw not in choices:
            raise ValueError
        return raw

    return _read(name, default, parse, "one of " + ", ".join(choices))


def words(name: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
    return _read(
        name,
        default,
        lambda raw: tuple(w.strip() for w in raw.split(",") if w.strip()),
        "words between commas",
    )


def networks(name: str) -> tuple[str, ...]:
    """IP networks in CIDR notation between commas, `10.0.0.0/8, fd00::/8`."""

    def parse(raw: str) -> tuple[str, ...]:
        return tuple(str(ipaddress.ip_network(word.strip())) for word in raw.split(",") if word.strip())

    return _read(name, (), parse, "networks between commas, such as 10.0.0.0/8")


def path(name: str, default: Path) -> Path:
    return _read(name, default, lambda raw: Path(raw).expanduser().resolve(), "a path")


def secret(name: str) -> str:
    """The value of NAME, or the content of the file that NAME_FILE names (Docker and Kubernetes secrets)."""
    known.add(name)
    file = text(f"{name}_FILE")
    if not file:
        return text(name)
    try:
        return Path(file).read_text().strip()
    except OSError as error:
        _refuse(
            f"{name}_FILE", f"cannot read {file} ({error.strerror}).", "Name a file that this user can read."
        )
        return ""


@dataclass(frozen=True, kw_only=True)
class MailServer:
    """Where mails are handed over."""

    host: str
    port: int
    user: str
    password: str
    starttls: bool
    """It begins in the clear and goes on encrypted."""
    tls: bool
    """It is encrypted from the first byte."""


_MAIL_PORTS = {"smtp": 25, "smtp+tls": 587, "smtps": 465}


def mail_server(name: str) -> MailServer | None:
    """`smtp://`, `smtp+tls://` or `smtps://` with a host; may be secret, so NAME_FILE does as well."""
    raw = secret(name)
    if not raw:
        return None
    try:
        parts = urlsplit(raw)
        if parts.scheme not in _MAIL_PORTS or not parts.hostname:
            raise ValueError
        return MailServer(
            host=parts.hostname,
            port=parts.port or _MAIL_PORTS[parts.scheme],
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            starttls=parts.scheme == "smtp+tls",
            tls=parts.scheme == "smtps",
        )
    except ValueError:
        # Not what was given: it may hold a password.
        _refuse(
            name, "it is no mail server.", "Use smtp+tls://user:password@host:587, smtps://… or smtp://…."
        )
        return None


def mapping(name: str, default: dict[str, Any]) -> dict[str, Any]:
    """A JSON object, or the path of a file that holds one."""

    def parse(raw: str) -> dict[str, Any]:
        source = raw if raw.lstrip().startswith("{") else Path(raw).read_text()
        value = json.loads(source)
        if not isinstance(value, dict):
            raise ValueError
        return value

    try:
        return _read(name, default, parse, "a JSON object, or the path of a file with one")
    except OSError as error:
        _refuse(
            name, f"cannot read it ({error.strerror}).", "Give a JSON object or the path of a readable file."
        )
        return default
