"""Threads of one process take turns at writing; none of them starves."""

import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction

from sightline.database.sqlite3 import base, hunger
from sightline.database.sqlite3.hunger import Hunger
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


def test_whoever_has_waited_for_long_is_let_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    aside: list[float] = []
    monkeypatch.setattr(hunger.time, "sleep", aside.append)
    here, there = (Hunger(str(tmp_path / "hungry")) for _ in range(2))
    here.let_go_first()
    assert not aside
    there.say()
    here.let_go_first()
    assert len(aside) == 1
    there.unsay()
    here.let_go_first()
    assert len(aside) == 1


def test_a_process_that_is_killed_is_hungry_no_more(tmp_path: Path) -> None:
    file = str(tmp_path / "hungry")
    code = (
        "import sys; from sightline.database.sqlite3.hunger import Hunger\n"
        "hunger = Hunger(sys.argv[1]); hunger.say(); print('hungry', flush=True); sys.stdin.read()"
    )
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    here = Hunger(file)
    with subprocess.Popen([sys.executable, "-c", code, file], text=True, **pipes) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "hungry\n"
        assert here.anybody_else()
        other.kill()
    assert not here.anybody_else()


def test_a_write_that_waits_for_long_is_hungry_until_it_has_the_lock() -> None:
    name = str(connection.settings_dict["NAME"])
    here = Hunger(f"{name}-hungry")
    with closing(sqlite3.connect(name, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        writer = threading.Thread(target=write_and_close, args=["patient"])
        writer.start()
        while not here.anybody_else():
            writer.join(0.001)
        other.execute("COMMIT")
    writer.join()
    assert Tenant.objects.filter(name="patient").exists()
    assert not here.anybody_else()


def write_and_close(name: str) -> None:
    try:
        write(name)
    finally:
        connection.close()
