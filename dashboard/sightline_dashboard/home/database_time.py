"""Ages are measured against the clock that wrote the times: the database's."""

from datetime import datetime

from django.db import connection

from sightline import clock


def database_now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {clock.after_sql()}", [clock.after_param()])
        (value,) = cursor.fetchone()
    return clock.parse(value)
