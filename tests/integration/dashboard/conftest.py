"""What the tests of the dashboard share: people, one job, everything in every state."""

import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from sightline.jobs.models import Job
from sightline.jobs.status import Status
from sightline.tenants.models import Tenant
from sightline_dashboard.home.database_time import database_now
from sightline_dashboard.seeding import stories
from sightline_dashboard.seeding.seed import PLACES, seed
from sightline_dashboard.seeding.writing import Fate, write

SUCCEEDED = Fate(status=Status.SUCCEEDED)


class Stage:
    """Puts jobs and people on the stage."""

    def job(self, story: stories.Story, fate: Fate = SUCCEEDED, *, dice: int = 1, **more: Any) -> Job:
        """One job of the seed, a minute old; another number of the dice gives another job."""
        values = {
            "tenant": Tenant.objects.get_or_create(name="acme")[0],
            "place": PLACES[0],
            "created": database_now() - timedelta(minutes=1),
        }
        return write(story, fate, dice=random.Random(dice), **{**values, **more})

    def browser_of(self, name: str, *permissions: str, staff: bool = True) -> Client:
        """A browser in which a new person is signed in who has the named permissions, as `view_job`."""
        user = User.objects.create_user(name, password="password", is_staff=staff)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        client = Client()
        client.force_login(user)
        return client


@pytest.fixture
def stage(db: None) -> Stage:
    return Stage()


@pytest.fixture(autouse=True)
def plain_static_files(settings: Any) -> None:
    """Static files as they lie in the packages: nothing has been collected. And passwords that hash at once."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)  # WhiteNoise wants the folder
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture
def operator(db: None) -> Client:
    """A browser in which a superuser is signed in."""
    client = Client()
    client.force_login(User.objects.create_superuser("operator", password="password"))
    return client


@pytest.fixture
def everything(db: None) -> list[Job]:
    """Jobs of every kind in every status, with their fleet."""
    return seed(count=0, dice=random.Random(7))
