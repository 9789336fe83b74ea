"""A migrated database with a key for everybody, made once and copied for each platform."""

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from support.postgresql_server import PostgreSQLServer

TENANTS = ("amber", "birch", "cedar")
OPERATOR = "operator"

_DATABASE = "prepared_platform"
_MAKE = f"""
import django, json
django.setup()
from django.core.management import call_command
call_command("migrate", interactive=False, verbosity=0)
from sightline.tenants import keys
made = {{name: keys.create(tenant=name, name="tests")[1] for name in {TENANTS!r}}}
rights = ("submit", "read", "admin")
made["{OPERATOR}"] = keys.create(tenant="{OPERATOR}", name="tests", scopes=rights)[1]
print(json.dumps(made))
"""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What is copied."""

    home: Path
    """The data folder that holds it; with PostgreSQL, the database lies there."""
    postgres: PostgreSQLServer | None
    keys: dict[str, str]
    """The key of each tenant and of the operator."""

    def copy(self, *, to: Path, database: str) -> None:
        """Into a data folder, or into a new database on the server."""
        if self.postgres is None:
            shutil.copyfile(self.home / "sightline.sqlite3", to / "sightline.sqlite3")
        else:
            self.postgres.execute(f'CREATE DATABASE "{database}" TEMPLATE {_DATABASE} STRATEGY file_copy')


@cache
def prepared(postgres: PostgreSQLServer | None) -> Prepared:
    """What this process copies, made when it is first asked for."""
    home = Path(tempfile.mkdtemp(prefix="sightline-prepared-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith("SIGHTLINE_")},
        "DJANGO_SETTINGS_MODULE": "sightline.settings",
        "SIGHTLINE_HOME": str(home),
        "SIGHTLINE_ROLE": "tool",
    }
    if postgres is not None:
        postgres.execute(f"CREATE DATABASE {_DATABASE}")
        env["SIGHTLINE_DATABASE_URL"] = postgres.url(_DATABASE)
    made = subprocess.run([sys.executable, "-c", _MAKE], env=env, stdout=subprocess.PIPE, check=True)
    return Prepared(home=home, postgres=postgres, keys=json.loads(made.stdout))
