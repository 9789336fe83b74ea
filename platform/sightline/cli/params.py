"""Options that several client commands share."""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import click

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

json_option = click.option("--json", "as_json", is_flag=True, help="Whole jobs as JSON, one a line.")
timeout_option = click.option(
    "--timeout", type=click.FloatRange(min=0), help="Seconds to wait at most; default: no limit."
)
param_option = click.option(
    "--param", "params", multiple=True, metavar="NAME=VALUE", help="Such as max_tokens=512; repeatable."
)


def parameters(pairs: Sequence[str]) -> dict[str, Any]:
    """`--param` as `params`: values are JSON where they can be read as such, else text."""
    found: dict[str, Any] = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator:
            raise click.BadParameter(f"{pair!r} is not NAME=VALUE.", param_hint="--param")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


class Moment(click.ParamType[datetime]):
    """A time: RFC 3339, a date, or how long ago, `90m`, `2h`, `3d`."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        if ago := re.fullmatch(r"(\d{1,6})([smhdw])", value):
            return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time; write 2026-10-01T09:00:00Z, 2026-10-01 or 2h.", param, ctx)
        return moment.astimezone(UTC)
