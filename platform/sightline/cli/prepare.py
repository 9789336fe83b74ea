"""`sightline prepare`: the database and the static files, before anything starts."""

import click

from sightline.cli.django_setup import database


@click.command()
@click.option("--static/--no-static", default=True, help="Collect the static files, too.")
def prepare(static: bool) -> None:
    """Migrate the database and collect static files. Several may run at once: one works, the others wait."""
    with database():
        from sightline import installation

        applied = installation.migrate()
        click.echo(f"Applied {len(applied)} migrations." if applied else "The database is up to date.")
        if static:
            changed = installation.collect_static()
            click.echo("Collected the static files." if changed else "The static files are up to date.")
