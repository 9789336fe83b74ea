"""Threads of one process take turns at writing; none of them starves."""

import sqlite3
import threading
from contextlib import closing

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction

from sightline.database.sqlite3 import base
from sightline.tenants.models import Tenant

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.only_on("sqlite")]


def write(name: str) -> None:
    with transaction.atomic():
        Tenant.objects.create(name=name)


def test_many_threads_all_get_to_write() -> None:
    failures: list[Exception] = []

    def run(thread: int) -> None:
        try:
            for n in range(20):
                write(f"t{thread}-{n}")
        except OperationalError as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert Tenant.objects.count() == 320


def test_a_transaction_that_fails_gives_its_turn_back() -> None:
    write("x")
    with pytest.raises(IntegrityError):
        write("x")
    with transaction.atomic(), transaction.atomic():
        Tenant.objects.create(name="y")
    assert not any(turn.locked() for turn in base._turns.values())


def test_a_connection_closed_within_a_transaction_gives_its_turn_back() -> None:
    def run() -> None:
        transaction.set_autocommit(False)
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    write("z")
    assert Tenant.objects.count() == 1


def test_a_write_gets_through_once_another_process_is_done() -> None:
    name = str(connection.settings_dict["NAME"])
    with closing(sqlite3.connect(name, isolation_level=None)) as other:  # without a turn, as another process
        other.execute("BEGIN IMMEDIATE")
        writer = threading.Thread(target=write_and_close, args=["late"])
        writer.start()
        while not base._turns[name].locked():
            writer.join(0.001)
        other.execute("COMMIT")
    writer.join()
    assert Tenant.objects.filter(name="late").exists()


def test_a_transaction_leaves_sqlites_own_patience_as_it_was() -> None:
    write("x")
    with connection.cursor() as cursor:
        (milliseconds,) = cursor.execute("PRAGMA busy_timeout").fetchone()
    assert milliseconds == connection.settings_dict["OPTIONS"]["timeout"] * 1000


def write_and_close(name: str) -> None:
    try:
        write(name)
    finally:
        connection.close()
