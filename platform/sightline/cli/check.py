"""`sightline check`: is everything there that the platform needs, and what to do where it is not."""

from collections.abc import Iterator
from dataclasses import dataclass

import click


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    ok: bool | None
    """None: not as it should be, but the platform can start."""
    text: str
    hint: str = ""


@click.command()
def check() -> None:
    """Check settings, database, Redis and engines. Exit code 1 when something keeps the platform from working."""
    import django

    django.setup()
    marks = {True: click.style("ok ", fg="green"), None: click.style("!  ", fg="yellow")}
    failed = False
    for finding in _all():
        failed |= finding.ok is False
        click.echo(
            f"{marks.get(finding.ok, click.style('bad', fg='red'))} {finding.subject:9} {finding.text}"
        )
        if finding.hint and not finding.ok:
            click.echo(f"              {finding.hint}")
    if failed:
        raise SystemExit(1)


def _all() -> Iterator[Finding]:
    yield from _settings()
    database = list(_database())
    yield from database
    yield from _redis()
    yield from _engines(asked_database=all(finding.ok for finding in database))


def _settings() -> Iterator[Finding]:
    from django.core.checks import ERROR, run_checks

    found = run_checks()
    for message in found:
        ok = False if message.level >= ERROR else None
        yield Finding(
            subject="settings", ok=ok, text=f"{message.msg} ({message.id})", hint=message.hint or ""
        )
    if not found:
        yield Finding(subject="settings", ok=True, text="no complaints")


def _database() -> Iterator[Finding]:
    from django.db import DatabaseError, connection

    from sightline.installation import pending_migrations

    name = f"{connection.vendor} {connection.settings_dict['NAME']}"
    try:
        pending = pending_migrations()
    except DatabaseError as error:
        hint = "Start it, or correct SIGHTLINE_DATABASE_URL."
        yield Finding(subject="database", ok=False, text=f"{name} does not answer: {error}", hint=hint)
        return
    if pending:
        hint = "`sightline prepare` applies them; `sightline up` does so by itself."
        yield Finding(
            subject="database", ok=None, text=f"{name}: {len(pending)} migrations pending", hint=hint
        )
    else:
        yield Finding(subject="database", ok=True, text=name)


def _redis() -> Iterator[Finding]:
    from django.conf import settings

    from sightline import embedded_redis
    from sightline.redis_client import RedisAway, call

    try:
        call(lambda redis: redis.ping())
    except RedisAway as error:
        if not settings.REDIS_EMBEDDED:
            hint = "Start it, or correct SIGHTLINE_REDIS_URL."
            yield Finding(subject="redis", ok=False, text=f"does not answer: {error}", hint=hint)
            return
        try:
            program = embedded_redis.program()
        except embedded_redis.RedisUnusable as unusable:
            yield Finding(subject="redis", ok=False, text="no server program", hint=str(unusable))
            return
        text = f"the embedded server ({program}) does not run"
        yield Finding(subject="redis", ok=None, text=text, hint="`sightline up` starts it.")
    else:
        yield Finding(subject="redis", ok=True, text="embedded" if settings.REDIS_EMBEDDED else "answers")


def _engines(*, asked_database: bool) -> Iterator[Finding]:
    import httpx
    from django.conf import settings

    for url in settings.ENGINE_URLS:
        headers = {"Authorization": f"Bearer {settings.ENGINE_API_KEY}"} if settings.ENGINE_API_KEY else {}
        address = f"{url.rstrip('/').removesuffix('/v1')}/v1/models"
        try:
            status = httpx.get(address, headers=headers, timeout=5.0).status_code
        except httpx.HTTPError as error:
            hint = "Start it, or correct SIGHTLINE_ENGINE_URLS."
            yield Finding(subject="engine", ok=False, text=f"{url} does not answer: {error}", hint=hint)
            continue
        hint = "Check the address and SIGHTLINE_ENGINE_API_KEY."
        yield Finding(subject="engine", ok=status == 200, text=f"{url} answers {status}", hint=hint)
    if not asked_database:
        return
    yield from _groups()


def _groups() -> Iterator[Finding]:
    from sightline.clock import After
    from sightline.fleet.groups import LOST_AFTER_S
    from sightline.fleet.models import EngineState, Group

    alive = list(
        Group.objects.filter(heartbeat_at__gt=After(-LOST_AFTER_S)).exclude(state=EngineState.STOPPED)
    )
    for group in alive:
        ok = True if group.state == EngineState.LIVE else None
        text = f"{group.id} serves {group.tag}: {group.state} {group.detail}".rstrip()
        yield Finding(subject="engine", ok=ok, text=text, hint="Jobs wait until it is live.")
    if not alive:
        yield Finding(
            subject="engine",
            ok=None,
            text="no group runs",
            hint="`sightline up` or `sightline group` starts one.",
        )
