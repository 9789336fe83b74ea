"""What must be there before the platform starts: tables, static files, an operator, a key for this machine."""

import hashlib
import json
import secrets
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from sightline import kept_secret
from sightline.processes.file_lock import file_lock
from sightline.tenants import keys

OPERATOR = "operator"
TENANT = "default"
_MIGRATION_LOCK = 0x5167_6874  # any number that other programs in the same PostgreSQL do not use


class Operator(NamedTuple):
    """Who may use the admin."""

    name: str
    password: str | None
    """None: somebody changed it, and only they know it."""


def password_file() -> Path:
    return settings.HOME / "operator-password"


def key_file() -> Path:
    return settings.HOME / kept_secret.LOCAL_KEY


def flower_password() -> str:
    """SIGHTLINE_FLOWER_PASSWORD, or one that is made once and kept in the data folder."""
    file = settings.HOME / "flower-password"
    return settings.FLOWER_PASSWORD or kept_secret.keep(file, lambda: secrets.token_urlsafe(12))


def pending_migrations() -> list[str]:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]


def migrate() -> list[str]:
    """Apply what is pending, one process at a time; the names of what was applied."""
    with file_lock(settings.HOME / "migrate.lock", wait=True):
        if not pending_migrations():
            return []
        postgres = connection.vendor == "postgresql"
        if postgres:  # other hosts do not see our file
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_lock(%s)", [_MIGRATION_LOCK])
        try:
            pending = pending_migrations()
            call_command("migrate", interactive=False, verbosity=0)
        finally:
            if postgres:
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_advisory_unlock(%s)", [_MIGRATION_LOCK])
    return pending


def collect_static() -> bool:
    """Collect and compress the static files when any of them changed; whether it did."""
    root = Path(settings.STATIC_ROOT)
    with file_lock(settings.HOME / "static.lock", wait=True):
        stamp = root / ".sources"
        now = _sources()
        if kept_secret.read(stamp) == now:
            return False
        call_command("collectstatic", interactive=False, verbosity=0, clear=True)
        stamp.write_text(now)
    return True


def _sources() -> str:
    """A digest of names, sizes and times of all sources: seconds cheaper than collecting them to find none new."""
    facts = []
    for finder in get_finders():
        for name, storage in finder.list([]):
            found = Path(storage.path(name)).stat()
            facts.append((name, found.st_size, found.st_mtime_ns))
    return hashlib.sha256(json.dumps(sorted(facts)).encode()).hexdigest()


def operator() -> Operator:
    """The superuser of the admin, made on the first call with a password that is kept in the data folder."""
    users = get_user_model().objects
    password = kept_secret.keep(password_file(), lambda: secrets.token_urlsafe(12))
    user = users.filter(username=OPERATOR).first()
    if user is None:
        users.create_superuser(OPERATOR, password=password)
        return Operator(OPERATOR, password)
    return Operator(OPERATOR, password if user.check_password(password) else None)


def local_key() -> str:
    """An API key for the commands on this machine, made again when it was revoked or the database is new."""
    text = kept_secret.read(key_file())
    if text is not None:
        try:
            keys.authenticate(text=text)
        except keys.NotAuthenticated:
            text = None
    if text is None:
        _, text = keys.create(tenant=TENANT, name="this machine", scopes=tuple(sorted(keys.SCOPES)))
        kept_secret.write(key_file(), text)
    return text
