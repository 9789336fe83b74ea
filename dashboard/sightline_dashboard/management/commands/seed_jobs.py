"""`manage.py seed_jobs`: believable data in every state, for development and screenshots."""

import random
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from sightline.jobs.models import Job
from sightline_dashboard.seeding.seed import seed as write_jobs


class Command(BaseCommand):
    help = "Fill the database with invented jobs in every state. Meant for an empty database."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--count", type=int, default=120, help="jobs at least (default: 120)")
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
        jobs = write_jobs(count=count, dice=random.Random(seed))  # noqa: S311
        self.stdout.write(f"{len(jobs)} jobs written.")
