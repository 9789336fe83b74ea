"""`sightline keys`: API keys, made and revoked directly in the database."""

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from sightline.cli.django_setup import database
from sightline.cli.person import person
from sightline.cli.tables import print_table

if TYPE_CHECKING:
    from sightline.tenants.models import ApiKey


@click.group()
def keys() -> None:
    """Create, list, rotate and revoke API keys."""


@keys.command()
@click.argument("name")
@click.option(
    "--tenant", default="default", show_default=True, help="Whose key; made when there is none yet."
)
@click.option("--kinds", default="", help="Kinds that the key may submit, between commas; none: all.")
@click.option(
    "--models", default="", help="Model tags that the key may submit to, between commas; none: all."
)
@click.option("--scopes", default="", help="submit, read, admin, between commas; none: submit and read.")
@click.option("--expires-days", type=click.FloatRange(min=0, min_open=True), help="Days until it expires.")
def create(name: str, tenant: str, kinds: str, models: str, scopes: str, expires_days: float | None) -> None:
    """Print a new key alone on standard output. It is shown only now."""
    with database():
        from django.conf import settings
        from django.core.exceptions import ValidationError
        from django.core.validators import validate_slug
        from django.utils import timezone

        from sightline.kinds.registry import KINDS
        from sightline.tenants import keys as service

        try:
            validate_slug(tenant)
        except ValidationError as error:
            raise click.BadParameter("use letters, digits, - and _.", param_hint="--tenant") from error
        _, text = service.create(
            tenant=tenant,
            name=name,
            kinds=_chosen(kinds, set(KINDS), "--kinds"),
            model_tags=_chosen(models, set(settings.MODELS), "--models"),
            scopes=_chosen(scopes, set(service.SCOPES), "--scopes"),
            expires_at=None if expires_days is None else timezone.now() + timedelta(days=expires_days),
            actor=person(),
        )
    click.echo(text)


@keys.command("list")
def list_() -> None:
    """Show the keys; their texts are not kept."""
    with database():
        from rich.table import Column, Table

        from sightline.tenants.models import ApiKey

        table = Table(
            Column("key", no_wrap=True),
            "name",
            "tenant",
            "kinds",
            "models",
            "scopes",
            "state",
            "last used",
            box=None,
        )
        for row in ApiKey.objects.select_related("tenant").order_by("created_at"):
            used = row.last_used_at.strftime("%Y-%m-%d %H:%M") if row.last_used_at else "never"
            table.add_row(
                f"{row.prefix}…",
                row.name,
                row.tenant.name,
                ", ".join(row.kinds) or "all",
                ", ".join(row.model_tags) or "all",
                ", ".join(row.scopes) or "submit, read",
                _state(row.revoked_at is not None, row.expires_at),
                used,
            )
    print_table(table)


@keys.command()
@click.argument("key")
def revoke(key: str) -> None:
    """Refuse a key from now on. KEY is its shown beginning, its name or its text."""
    with database():
        from sightline.tenants import keys as service

        found = _living(key)
        service.revoke(key=found, actor=person())
    click.echo(f"Revoked {found.prefix}… ({found.name}).")


@keys.command()
@click.argument("key")
@click.option(
    "--overlap-hours",
    type=click.FloatRange(min=0),
    default=24.0,
    show_default=True,
    help="How long the old key goes on working.",
)
def rotate(key: str, overlap_hours: float) -> None:
    """Print a new key with the rights of KEY alone on standard output; both work until the overlap ends."""
    with database():
        from sightline.errors import Problem
        from sightline.tenants import keys as service

        found = _living(key)
        try:
            _, text = service.rotate(key=found, overlap_s=overlap_hours * 3600, actor=person())
        except Problem as problem:
            raise click.ClickException(problem.detail) from problem
    click.echo(text)
    click.echo(f"{found.prefix}… ({found.name}) works until {found.expires_at:%Y-%m-%d %H:%M} UTC.", err=True)


def _living(key: str) -> "ApiKey":
    """The one key that is called so and is not revoked; a ClickException for none and for several."""
    from sightline.tenants import keys as service
    from sightline.tenants.models import ApiKey

    found = [row for row in ApiKey.objects.filter(revoked_at=None) if _named(row, key, service.digest(key))]
    if not found:
        raise click.ClickException(f"There is no living key {key!r}. `sightline keys list` shows them.")
    if len(found) > 1:
        raise click.ClickException(
            f"{len(found)} keys are called {key!r}. Name one by its beginning, as `sightline keys list` shows it."
        )
    return found[0]


def _named(row, key: str, digest: str) -> bool:  # type: ignore[no-untyped-def]
    return key in (row.name, row.prefix, f"{row.prefix}…") or row.sha256 == digest


def _state(revoked: bool, expires_at) -> str:  # type: ignore[no-untyped-def]
    from django.utils import timezone

    if revoked:
        return "revoked"
    if expires_at is None:
        return "valid"
    return "expired" if expires_at <= timezone.now() else f"until {expires_at:%Y-%m-%d}"


def _chosen(text: str, known: set[str], option: str) -> tuple[str, ...]:
    chosen = tuple(word.strip() for word in text.split(",") if word.strip())
    for word in chosen:
        if word not in known:
            raise click.BadParameter(f"{word!r} is none of {', '.join(sorted(known))}.", param_hint=option)
    return chosen
