"""`sightline sweeper`: the loop that heals."""

import click


@click.command()
def sweeper() -> None:
    """Reclaim lapsed leases, send missing wake-ups, apply deadlines and retention. Any number may run."""
    import django

    django.setup()
    from sightline.cli.stop_signals import stop_events
    from sightline.jobs.sweeper import run

    stop, _ = stop_events()
    run(stop)
