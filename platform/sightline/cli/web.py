"""`sightline web`: the API and the admin, on one port."""

import click


@click.command()
@click.option("--host", default=None, help="Address to listen on; default SIGHTLINE_HOST.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=None, help="Default SIGHTLINE_PORT; 0: a free one."
)
def web(host: str | None, port: int | None) -> None:
    """Serve the API and the admin."""
    from django.conf import settings

    from sightline.web_server import serve

    serve(host or settings.HOST, settings.PORT if port is None else port)
