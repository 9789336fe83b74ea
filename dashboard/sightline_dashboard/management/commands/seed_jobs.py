"""`manage.py seed_jobs`: believable data in every state, for development, screenshots and measurements."""

import random
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from sightline.jobs.models import Job
from sightline_dashboard.home.database_time import database_now
from sightline_dashboard.seeding import many
from sightline_dashboard.seeding.seed import seed as write_jobs

TOLD = 500
"""Jobs that are told one by one; what goes beyond are copies of them."""


class Command(BaseCommand):
    help = "Fill the database with invented jobs in every state. Meant for an empty database."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--count", type=int, default=120, help="jobs at least, a million if you like (default: 120)"
        )
        parser.add_argument(
            "--seed", type=int, default=4711, help="of the dice: the same seed, the same story"
        )
        parser.add_argument(
            "--among-real-jobs",
            action="store_true",
            help="write them although there are jobs already; never do that in production",
        )

    def handle(self, *args: Any, count: int, seed: int, among_real_jobs: bool, **options: Any) -> None:
        if Job.objects.exists() and not among_real_jobs:
            raise CommandError(
                "There are jobs in this database. Invented ones among them would mislead people:"
                " use an empty SIGHTLINE_HOME, or say --among-real-jobs."
            )
        dice = random.Random(seed)  # noqa: S311
        written = len(write_jobs(count=min(count, TOLD), dice=dice))
        if count > written:
            written += self._multiply(count - written, dice)
        self.stdout.write(f"{written} jobs written.")

    def _multiply(self, more: int, dice: random.Random) -> int:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns) as bar:
            task = bar.add_task("jobs", total=more)
            many.multiply(
                more=more, now=database_now(), dice=dice, progress=lambda done: bar.advance(task, done)
            )
        many.analyse()
        return more
