"""`sightline up`: the whole platform on this machine."""

import sys

import click


@click.command()
@click.option("--twin", is_flag=True, help="Serve with the simulated engine instead of vLLM.")
@click.option(
    "--twin-option", "twin_options", multiple=True, metavar="NAME=VALUE", help="Passed on to the twin."
)
@click.option("-v", "--verbose", is_flag=True, help="Show the engine's and Redis's whole output, too.")
def up(twin: bool, twin_options: tuple[str, ...], verbose: bool) -> None:
    """Start Redis, web, sweeper, Flower and a group per GPU (or one on the CPU), until Ctrl-C."""
    import django

    django.setup()
    from sightline.cli.platform_run import run

    sys.exit(run(twin=twin, twin_options=twin_options, verbose=verbose))
