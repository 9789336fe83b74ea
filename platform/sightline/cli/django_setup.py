"""Django for the commands that work on the database: loaded when needed, with a sentence instead of a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

import click


@contextmanager
def database() -> Iterator[None]:
    """Django is set up inside; what the database refuses becomes a message that names it."""
    import django

    django.setup()
    from django.db import DatabaseError, OperationalError, ProgrammingError

    try:
        yield
    except (OperationalError, ProgrammingError) as error:
        if "no such table" in str(error) or "does not exist" in str(error):
            raise click.ClickException(
                "The database is empty. Run `sightline prepare` (or `make up`) first."
            ) from error
        raise click.ClickException(f"The database does not answer ({_where()}): {error}") from error
    except DatabaseError as error:
        raise click.ClickException(f"The database refused ({_where()}): {error}") from error


def _where() -> str:
    """Engine and name, never the password."""
    from django.db import connection

    settings = connection.settings_dict
    host = f"{settings['HOST']}:{settings['PORT'] or 5432}/" if settings.get("HOST") else ""
    return f"{connection.vendor} {host}{settings['NAME']}"
