"""`sightline quotas`: how much of each kind a tenant may use, set directly in the database."""

import click

from sightline.cli.django_setup import database
from sightline.cli.person import person
from sightline.cli.tables import print_table


class Number(click.ParamType[int | None]):
    """A whole number, or `none` for no bound."""

    name = "number"

    def convert(
        self, value: str | int | None, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | None:
        if value is None or isinstance(value, int):
            return value
        if value == "none":
            return -1
        if not value.isdecimal():
            self.fail(f"{value!r} is neither a whole number nor none.", param, ctx)
        return int(value)


@click.group()
def quotas() -> None:
    """Set and list the quotas of tenants."""


@quotas.command("set")
@click.argument("tenant")
@click.option(
    "--kind", default="*", show_default=True, help="gui, chat or ocr; *: each kind without its own."
)
@click.option("--in-flight", type=Number(), help="Jobs that wait or run at once.")
@click.option("--queued", type=Number(), help="Jobs that wait at once.")
@click.option("--per-minute", type=Number(), help="Jobs accepted in a minute.")
@click.option(
    "--tokens-per-day", type=Number(), help="Tokens, input and output, of jobs that end on a day (UTC)."
)
def set_(tenant: str, kind: str, **given: int | None) -> None:
    """Set numbers of TENANT; `none` removes one, what is left out stays. They hold from the next request on."""
    numbers = {name: None if number == -1 else number for name, number in given.items() if number is not None}
    if not numbers:
        raise click.UsageError("Give at least one of --in-flight, --queued, --per-minute, --tokens-per-day.")
    with database():
        from django.core.exceptions import ValidationError

        from sightline.tenants import quotas as service
        from sightline.tenants.models import Tenant

        row = Tenant.objects.filter(name=tenant).first()
        if row is None:
            raise click.ClickException(f"There is no tenant {tenant!r}; `sightline keys create` makes one.")
        try:
            service.change(tenant=row, kind=kind, numbers=numbers, actor=person())
        except ValidationError as error:
            raise click.ClickException(" ".join(error.messages)) from error
        click.echo(_shown(row.quotas.get(kind, {})) or "no quota")


@quotas.command("list")
def list_() -> None:
    """Show the quotas of all tenants."""
    with database():
        from rich.table import Table

        from sightline.tenants.models import Tenant

        table = Table("tenant", "kind", "quota", box=None)
        for row in Tenant.objects.order_by("name"):
            for kind, numbers in sorted(row.quotas.items()):
                table.add_row(row.name, kind, _shown(numbers))
    if not table.row_count:
        click.echo(
            "No quotas: every tenant may use all that is free. `sightline quotas set TENANT --queued 1000` bounds one."
        )
        return
    print_table(table)


def _shown(numbers: dict[str, int]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {number}" for name, number in numbers.items())
